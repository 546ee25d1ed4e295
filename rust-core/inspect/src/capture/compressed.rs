//! Captures that are compressed with gzip (RFC 1952) or zstd (RFC 8878), undone while they are read.

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufReader, Chain, Cursor, Read};

/// Bytes undone at a time.
const BUFFER: usize = 256 * 1024;

/// The first bytes of each format.
const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The magic numbers of zstd's skippable frames end so; the lowest four bits may have any value.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2A, 0x4D, 0x18];

/// An input whose first bytes were taken off to look at them.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// The input of a reader: as it is, or undone on the way.
pub(super) enum Input<R> {
    Plain(R),
    Gzip(Box<BufReader<MultiGzDecoder<Whole<R>>>>),
    Zstd(Box<BufReader<ZstdFrames<Whole<R>>>>),
}

impl<R: Read> Input<R> {
    /// The input behind these first bytes, if they are those of a format that can be undone; it begins with them again.
    /// `Err` gives the input back as it was.
    pub(super) fn undo(start: &[u8], input: R) -> Result<Self, R> {
        let whole = |input: R| Cursor::new(start.to_vec()).chain(input);
        if start.starts_with(&GZIP) {
            let decoder = MultiGzDecoder::new(whole(input));
            Ok(Self::Gzip(Box::new(BufReader::with_capacity(BUFFER, decoder))))
        } else if start == ZSTD
            || (start.len() == 4 && start[0] & 0xF0 == 0x50 && start[1..] == ZSTD_SKIPPABLE)
        {
            let frames = ZstdFrames::new(whole(input));
            Ok(Self::Zstd(Box::new(BufReader::with_capacity(BUFFER, frames))))
        } else {
            Err(input)
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Zstd(input) => input.read(buffer),
        }
    }
}

/// All frames of a zstd stream, one after another.
pub(super) struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: Read> ZstdFrames<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Begins the next frame; `false` at the end of the stream.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let mut first = Vec::new();
        if self.source.by_ref().take(1).read_to_end(&mut first)? == 0 {
            return Ok(false);
        }
        match self.decoder.init(&mut Cursor::new(first).chain(&mut self.source)) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(true)
    }
}

impl<R: Read> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.in_frame {
                if !self.begin_frame()? {
                    return Ok(0);
                }
                continue;
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.in_frame = false;
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(io::Error::other)?;
        }
        Ok(0)
    }
}
