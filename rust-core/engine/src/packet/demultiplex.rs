//! From one IP packet to one [`Datagram`].
use super::checksum::Sum;
use super::headers::tcp_flags::{ACK, FIN, RST, SYN};
use super::headers::{
    FRAGMENT_HEADER, FRAGMENT_OFFSET, ICMP_HEADER, IPV4_HEADER, IPV6_HEADER, Layout, TCP_HEADER, UDP_HEADER,
    protocol,
};
use super::{Checksums, Datagram, Drop, Quoted, Reassembler, Segment, addresses};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Turns packets into datagrams.
#[derive(Debug, Default)]
pub struct Demultiplexer {
    checksums: Checksums,
    reassembler: Reassembler,
    /// The datagram that its last fragment just completed.
    whole: Vec<u8>,
    /// A TCP packet without its extension headers.
    stripped: Vec<u8>,
}

impl Demultiplexer {
    /// A demultiplexer without any fragments.
    pub fn new(checksums: Checksums) -> Self {
        Self { checksums, ..Self::default() }
    }

    /// Takes one IP packet. `Ok(None)`: it is a fragment, and others of its datagram are still missing.
    ///
    /// Bytes after the packet's end are ignored.
    ///
    /// # Errors
    /// The reason why the packet must be dropped. Nothing is sent in answer, except what the caller chooses to.
    #[inline]
    pub fn take<'a>(&'a mut self, now: Instant, packet: &'a [u8]) -> Result<Option<Datagram<'a>>, Drop> {
        let layout = Layout::of(packet, self.checksums)?;
        if layout.fragment.is_none() {
            return datagram(packet, &layout, self.checksums, &mut self.stripped).map(Some);
        }
        self.take_fragment(now, packet, &layout)
    }

    #[cold]
    fn take_fragment<'a>(
        &'a mut self,
        now: Instant,
        packet: &[u8],
        layout: &Layout,
    ) -> Result<Option<Datagram<'a>>, Drop> {
        if !self.reassembler.take(now, packet, layout, &mut self.whole)? {
            return Ok(None);
        }
        let layout = Layout::of(&self.whole, self.checksums)?;
        if layout.fragment.is_some() {
            return Err(Drop::FragmentNested);
        }
        let mut datagram = datagram(&self.whole, &layout, self.checksums, &mut self.stripped)?;
        datagram.dont_fragment = false;
        Ok(Some(datagram))
    }

    /// The fragments that wait.
    pub fn reassembler(&self) -> &Reassembler {
        &self.reassembler
    }

    /// Forgets fragments whose time is over. [`Demultiplexer::take`] does so with each fragment; without it, the most
    /// that is held idle is 1 MiB, so no timer needs to be set for it.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.reassembler.expire(now);
    }
}

#[inline]
fn datagram<'a>(
    packet: &'a [u8],
    layout: &Layout,
    checksums: Checksums,
    stripped: &'a mut Vec<u8>,
) -> Result<Datagram<'a>, Drop> {
    let packet = &packet[..layout.end];
    let payload = &packet[layout.payload_at..];
    let verify = checksums == Checksums::Verify;
    let transport = match (layout.protocol, layout.src.is_ipv4()) {
        (protocol::TCP, _) => tcp(packet, layout, verify, stripped)?,
        (protocol::UDP, _) => udp(payload, layout, verify)?,
        (protocol::ICMP, true) => icmpv4(payload, verify)?,
        (protocol::ICMPV6, false) => icmpv6(payload, layout, verify)?,
        (other, _) => Segment::Other(other),
    };
    Ok(Datagram {
        src: layout.src,
        dst: layout.dst,
        dont_fragment: layout.dont_fragment,
        hop_limit: layout.hop_limit,
        packet,
        transport,
    })
}

#[inline]
fn tcp<'a>(
    packet: &'a [u8],
    layout: &Layout,
    verify: bool,
    stripped: &'a mut Vec<u8>,
) -> Result<Segment<'a>, Drop> {
    let segment = &packet[layout.payload_at..];
    let header = segment.first_chunk::<TCP_HEADER>().ok_or(Drop::TcpHeader)?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < TCP_HEADER {
        return Err(Drop::TcpHeader);
    }
    let payload = segment.get(header_len..).ok_or(Drop::TcpHeader)?;
    if !addresses::is_unicast(layout.dst) {
        return Err(Drop::TcpNotUnicast);
    }
    let (src_port, dst_port) = ports([header[0], header[1], header[2], header[3]])?;
    let flags = header[13];
    if flags & SYN != 0 && flags & (FIN | RST) != 0 {
        return Err(Drop::TcpFlags);
    }
    if verify {
        verify_with_pseudo_header(segment, layout)?;
    }
    Ok(Segment::Tcp {
        src_port,
        dst_port,
        syn: flags & SYN != 0,
        ack: flags & ACK != 0,
        fin: flags & FIN != 0,
        rst: flags & RST != 0,
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ack_number: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        payload,
        ip: if layout.has_extensions() { strip(packet, layout, stripped) } else { packet },
    })
}

#[inline]
fn udp<'a>(datagram: &'a [u8], layout: &Layout, verify: bool) -> Result<Segment<'a>, Drop> {
    let header = datagram.first_chunk::<UDP_HEADER>().ok_or(Drop::UdpLength)?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = datagram.get(UDP_HEADER..length).ok_or(Drop::UdpLength)?;
    let (src_port, dst_port) = ports([header[0], header[1], header[2], header[3]])?;
    let has_checksum = header[6..8] != [0, 0];
    if !has_checksum && layout.src.is_ipv6() {
        // RFC 8200 §8.1. The exception for tunnels (RFC 6935) is for receivers that asked for it.
        return Err(Drop::UdpNoChecksum);
    }
    if has_checksum && verify {
        verify_with_pseudo_header(&datagram[..length], layout)?;
    }
    Ok(Segment::Udp { src_port, dst_port, payload })
}

fn icmpv4(message: &[u8], verify: bool) -> Result<Segment<'_>, Drop> {
    const ECHO_REQUEST: u8 = 8;
    let header = *message.first_chunk().ok_or(Drop::IcmpLength)?;
    if verify && !Sum::default().add(message).is_valid() {
        return Err(Drop::TransportChecksum);
    }
    Ok(match header[0] {
        ECHO_REQUEST if header[1] == 0 => echo(header, message),
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 1122 §3.2.2).
        3..=5 | 11 | 12 => error(header, message),
        _ => Segment::Other(protocol::ICMP),
    })
}

fn icmpv6<'a>(message: &'a [u8], layout: &Layout, verify: bool) -> Result<Segment<'a>, Drop> {
    const ECHO_REQUEST: u8 = 128;
    let header = *message.first_chunk().ok_or(Drop::IcmpLength)?;
    if verify {
        verify_with_pseudo_header(message, layout)?;
    }
    Ok(match header[0] {
        ECHO_REQUEST if header[1] == 0 => echo(header, message),
        // RFC 4443 §2.1: errors have the high bit clear.
        0..=127 => error(header, message),
        _ => Segment::Other(protocol::ICMPV6),
    })
}

fn echo(header: [u8; ICMP_HEADER], message: &[u8]) -> Segment<'_> {
    Segment::Echo {
        ident: u16::from_be_bytes([header[4], header[5]]),
        seq: u16::from_be_bytes([header[6], header[7]]),
        message,
    }
}

fn error(header: [u8; ICMP_HEADER], message: &[u8]) -> Segment<'_> {
    Segment::IcmpError { kind: header[0], code: header[1], about: quoted(&message[ICMP_HEADER..]) }
}

/// Reads what an ICMP error quotes. The quote may be cut anywhere, so its lengths are not checked; our own packets have
/// no extension headers but, in part, a fragment header.
fn quoted(packet: &[u8]) -> Option<Quoted> {
    let (src, dst, protocol, rest) = match packet.first()? >> 4 {
        4 => {
            let header = packet.first_chunk::<IPV4_HEADER>()?;
            let is_first = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_OFFSET == 0;
            let src: [u8; 4] = *header[12..16].first_chunk()?;
            let dst: [u8; 4] = *header[16..20].first_chunk()?;
            let rest = packet.get(usize::from(header[0] & 0x0f) * 4..).filter(|_| is_first)?;
            (IpAddr::from(src), IpAddr::from(dst), header[9], rest)
        }
        6 => {
            let header = packet.first_chunk::<IPV6_HEADER>()?;
            let src: [u8; 16] = *header[8..24].first_chunk()?;
            let dst: [u8; 16] = *header[24..40].first_chunk()?;
            let rest = &packet[IPV6_HEADER..];
            let (protocol, rest) = match header[6] {
                protocol::FRAGMENT => {
                    let fragment = rest.first_chunk::<FRAGMENT_HEADER>()?;
                    let is_first = u16::from_be_bytes([fragment[2], fragment[3]]) & 0xfff8 == 0;
                    (fragment[0], rest.get(FRAGMENT_HEADER..).filter(|_| is_first)?)
                }
                protocol => (protocol, rest),
            };
            (IpAddr::from(src), IpAddr::from(dst), protocol, rest)
        }
        _ => return None,
    };
    let (src_port, dst_port) = match protocol {
        protocol::TCP | protocol::UDP => {
            let ports = rest.first_chunk::<4>()?;
            (u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]]))
        }
        _ => (0, 0),
    };
    Some(Quoted { protocol, src: SocketAddr::new(src, src_port), dst: SocketAddr::new(dst, dst_port) })
}

/// Source and destination port.
fn ports([a, b, c, d]: [u8; 4]) -> Result<(u16, u16), Drop> {
    let (src, dst) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    if src == 0 || dst == 0 { Err(Drop::PortZero) } else { Ok((src, dst)) }
}

fn verify_with_pseudo_header(payload: &[u8], layout: &Layout) -> Result<(), Drop> {
    let sum = Sum::pseudo_header(layout.src, layout.dst, layout.protocol, payload.len()).add(payload);
    if sum.is_valid() { Ok(()) } else { Err(Drop::TransportChecksum) }
}

/// Copies an IPv6 packet without its extension headers. The checksum of what it carries does not cover them: the
/// pseudo-header counts the payload alone (RFC 8200 §8.1).
fn strip<'a>(packet: &[u8], layout: &Layout, stripped: &'a mut Vec<u8>) -> &'a [u8] {
    let payload = &packet[layout.payload_at..];
    stripped.clear();
    stripped.extend_from_slice(&packet[..IPV6_HEADER]);
    stripped[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    stripped[6] = layout.protocol;
    stripped.extend_from_slice(payload);
    stripped
}
