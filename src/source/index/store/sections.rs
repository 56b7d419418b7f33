//! Sections of a stored index: lengths, bytes and a checksum over all.
//!
//! No length is trusted: what is read grows as it arrives, and values are decoded in groups.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use super::LoadError;

const MAGIC: [u8; 8] = *b"CICRINDX";
/// To be raised when the sections change.
const FORMAT: u32 = 3;
/// Values of one group.
const GROUP: usize = 4096;

/// FNV-1a, continued from `hash`.
#[allow(long_running_const_eval)]
pub(super) const fn hash_of(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = if hash == 0 { 0xcbf2_9ce4_8422_2325 } else { hash };
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

pub(super) struct SectionWriter<W> {
    out: W,
    sum: crc32fast::Hasher,
    /// Bytes that may still be written.
    left: u64,
}

impl<W: Write> SectionWriter<W> {
    /// Writes `most` bytes at most.
    pub(super) fn new(out: W, most: u64) -> io::Result<Self> {
        let mut writer = Self { out, sum: crc32fast::Hasher::new(), left: most };
        writer.write(&MAGIC)?;
        writer.write(&FORMAT.to_le_bytes())?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(io::ErrorKind::FileTooLarge)?;
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(&(bytes.len() as u64).to_le_bytes())?;
        self.write(bytes)
    }

    pub(super) fn value<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.bytes(&postcard::to_allocvec(value).map_err(io::Error::other)?)
    }

    /// A list of values, in groups; an empty group ends it.
    pub(super) fn values<T: Serialize>(
        &mut self,
        values: impl Iterator<Item = T>,
    ) -> io::Result<()> {
        let mut values = values.peekable();
        while values.peek().is_some() {
            let group: Vec<T> = values.by_ref().take(GROUP).collect();
            self.value(&group)?;
        }
        self.bytes(&[])
    }

    /// Writes the checksum.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let sum = self.sum.clone().finalize();
        self.write(&sum.to_le_bytes())?;
        Ok(self.out)
    }
}

pub(super) struct SectionReader<R> {
    input: R,
    sum: crc32fast::Hasher,
    /// Bytes of the file that are left.
    left: u64,
}

impl<R: Read> SectionReader<R> {
    /// Reads a file of `length` bytes.
    pub(super) fn new(input: R, length: u64) -> Result<Self, LoadError> {
        let mut reader = Self { input, sum: crc32fast::Hasher::new(), left: length };
        let mut start = [0; MAGIC.len() + size_of_val(&FORMAT)];
        reader.exactly(&mut start).map_err(|_| LoadError::Format)?;
        let is_known = start.strip_prefix(&MAGIC) == Some(&FORMAT.to_le_bytes()[..]);
        if is_known { Ok(reader) } else { Err(LoadError::Format) }
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.input.read_exact(bytes)?;
        self.sum.update(bytes);
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(())
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, LoadError> {
        let mut length = [0; 8];
        self.exactly(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > self.left {
            return Err(LoadError::Damaged("a length"));
        }
        // No larger than the file, and so than any project's index may be.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(LoadError::Damaged("its end"));
        }
        self.sum.update(&bytes);
        self.left -= length;
        Ok(bytes)
    }

    pub(super) fn value<T: DeserializeOwned>(&mut self) -> Result<T, LoadError> {
        postcard::from_bytes(&self.bytes()?).map_err(|_| LoadError::Damaged("a value"))
    }

    pub(super) fn values<T: DeserializeOwned>(&mut self) -> Result<Vec<T>, LoadError> {
        let mut values = Vec::new();
        loop {
            let group = self.bytes()?;
            if group.is_empty() {
                values.shrink_to_fit();
                return Ok(values);
            }
            let group: Vec<T> =
                postcard::from_bytes(&group).map_err(|_| LoadError::Damaged("values"))?;
            values.extend(group);
        }
    }

    /// Compares the checksum, which ends the file.
    pub(super) fn finish(mut self) -> Result<(), LoadError> {
        let sum = self.sum.clone().finalize();
        let mut stored = [0; 4];
        self.exactly(&mut stored)?;
        match stored == sum.to_le_bytes() && self.left == 0 {
            true => Ok(()),
            false => Err(LoadError::Damaged("its checksum differs")),
        }
    }
}
