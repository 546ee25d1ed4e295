//! Relays every flow of a TUN device to where it was going: `ipstack-relay DEVICE MTU`.
use ipstack::{IpStack, IpStackConfig, IpStackStream, IpStackUdpStream, TcpConfig, TcpOptions};
use std::{error::Error, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpStream, UdpSocket},
};

const UDP_TIMEOUT: Duration = Duration::from_secs(30);
/// What IPv4 and TCP headers take of a packet.
const HEADERS: u16 = 40;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(device), Some(mtu)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ipstack-relay DEVICE MTU".into());
    };
    let mtu: u16 = mtu.parse()?;
    let mut device_settings = tun::Configuration::default();
    device_settings.tun_name(device).mtu(mtu).up();
    let mut tcp = TcpConfig::default();
    // As in its own example; without it, it would never say how large segments may be.
    tcp.options = Some(vec![TcpOptions::MaximumSegmentSize(mtu - HEADERS)]);
    let mut settings = IpStackConfig::default();
    settings.mtu(mtu)?;
    settings.with_tcp_config(tcp);
    settings.udp_timeout(UDP_TIMEOUT);
    let mut stack = IpStack::new(settings, tun::create_as_async(&device_settings)?);
    loop {
        match stack.accept().await? {
            IpStackStream::Tcp(mut app) => {
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(app.peer_addr()).await {
                        let _ = server.set_nodelay(true);
                        let _ = copy_bidirectional(&mut app, &mut server).await;
                        let _ = server.shutdown().await;
                    }
                    let _ = app.shutdown().await;
                });
            }
            IpStackStream::Udp(app) => {
                let server = app.peer_addr();
                tokio::spawn(relay(app, server));
            }
            _ => {}
        }
    }
}

async fn relay(mut app: IpStackUdpStream, server: SocketAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect(server).await?;
    let (mut out, mut back) = (vec![0; 65_535], vec![0; 65_535]);
    loop {
        tokio::select! {
            length = app.read(&mut out) => match length? {
                0 => return Ok(()),
                length => drop(socket.send(&out[..length]).await?),
            },
            length = socket.recv(&mut back) => app.write_all(&back[..length?]).await?,
        }
    }
}
