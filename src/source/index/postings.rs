//! Posting lists: for each term, the numbers of the places that hold it, compressed as they come.
//!
//! A list is a chain of slices of one pool. Each slice is larger than the one before, so a rare
//! term costs few bytes and a common one few jumps. Lists are only ever appended to.

use std::marker::PhantomData;

/// Bytes of a block of the pool. No slice crosses a block.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// Sizes of the slices of a list, in order; further slices have the last size.
const SLICE_BYTES: [u16; 9] = [8, 16, 32, 64, 128, 256, 512, 1024, 2048];
/// Bytes of the address at the end of a slice that is followed by another.
const LINK_BYTES: usize = 4;
/// Blocks of a pool; addresses have 32 bits.
const MAX_BLOCKS: usize = (u32::MAX as usize + 1) / BLOCK_BYTES;
/// The counts that most postings have: once, in the first field.
const PLAIN: [u8; 4] = [1, 0, 0, 0];
/// Bytes of one posting at most: five of the place, one of the mask, four of the counts.
const MAX_POSTING_BYTES: usize = 10;

/// The state of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct PostingList {
    /// Address of the first slice.
    pub first: u32,
    /// Address after the last byte.
    pub end: u32,
    /// Bytes left in the last slice.
    pub left: u16,
    /// Position of the last slice's size in [`SLICE_BYTES`].
    pub level: u8,
    /// The place of the last posting.
    pub last: u32,
    /// How many postings there are.
    pub len: u32,
}

/// Bytes with addresses of 32 bits.
#[derive(Debug, Default)]
pub(super) struct PostingPool {
    blocks: Vec<Box<[u8]>>,
    /// Bytes used, including what was skipped at the end of blocks.
    used: usize,
}

impl PostingPool {
    /// The blocks; the last is used in part.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let used = |at: usize| self.used.saturating_sub(at * BLOCK_BYTES).min(BLOCK_BYTES);
        self.blocks.iter().enumerate().map(move |(at, block)| &block[..used(at)])
    }

    /// Bytes used.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Adds a block; all before it must be full. `false` if there are too many.
    pub(super) fn add_block(&mut self, block: Vec<u8>) -> bool {
        if self.blocks.len() >= MAX_BLOCKS || block.len() > BLOCK_BYTES {
            return false;
        }
        self.used = self.blocks.len() * BLOCK_BYTES + block.len();
        let mut block = block;
        block.resize(BLOCK_BYTES, 0);
        self.blocks.push(block.into_boxed_slice());
        true
    }

    /// The address of `size` new bytes in one block.
    fn allocate(&mut self, size: usize) -> Option<u32> {
        let left = self.blocks.len() * BLOCK_BYTES - self.used;
        if left < size {
            if self.blocks.len() >= MAX_BLOCKS {
                return None;
            }
            self.used += left;
            self.blocks.push(vec![0; BLOCK_BYTES].into_boxed_slice());
        }
        let address = u32::try_from(self.used).ok()?;
        self.used += size;
        Some(address)
    }

    fn slice(&self, address: u32, size: usize) -> Option<&[u8]> {
        let at = address as usize;
        self.blocks.get(at / BLOCK_BYTES)?.get(at % BLOCK_BYTES..)?.get(..size)
    }

    fn slice_mut(&mut self, address: u32, size: usize) -> Option<&mut [u8]> {
        let at = address as usize;
        self.blocks.get_mut(at / BLOCK_BYTES)?.get_mut(at % BLOCK_BYTES..)?.get_mut(..size)
    }
}

fn slice_bytes(level: u8) -> usize {
    usize::from(SLICE_BYTES[usize::from(level).min(SLICE_BYTES.len() - 1)])
}

/// The lists of one kind of place.
#[derive(Debug, Default)]
pub(super) struct PostingLists {
    pub lists: Vec<PostingList>,
    pub pool: PostingPool,
}

impl PostingLists {
    /// Appends a posting to the list `number`. Places come in ascending order and are below 2³¹.
    /// `false` if the pool is full.
    pub(super) fn append(&mut self, number: u32, place: u32, counts: [u8; 4]) -> bool {
        let at = number as usize;
        if self.lists.len() <= at {
            self.lists.resize_with(at + 1, PostingList::default);
        }
        let list = &mut self.lists[at];
        let mut buffer = [0; MAX_POSTING_BYTES];
        let length = encode(place.saturating_sub(list.last), counts, &mut buffer);
        for byte in &buffer[..length] {
            if list.left == 0 && !grow(list, &mut self.pool) {
                return false;
            }
            if let Some(end) = self.pool.slice_mut(list.end, 1) {
                end[0] = *byte;
            }
            list.end += 1;
            list.left -= 1;
        }
        list.last = place;
        list.len += 1;
        true
    }

    /// The list `number`, without places from `bound` on.
    pub(super) fn postings<T>(&self, number: u32, bound: usize) -> Postings<'_, T> {
        let list = self.lists.get(number as usize).copied().unwrap_or_default();
        let bound = u32::try_from(bound).unwrap_or(u32::MAX);
        Postings { pool: &self.pool, list, bound, kind: PhantomData }
    }

    /// Memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.pool.blocks.len() * BLOCK_BYTES + self.lists.capacity() * size_of::<PostingList>()
    }
}

/// Gives a list its next slice. `false` if the pool is full.
fn grow(list: &mut PostingList, pool: &mut PostingPool) -> bool {
    let is_first = list.end == 0 && list.len == 0 && list.level == 0 && list.first == 0;
    let level = if is_first { 0 } else { list.level.saturating_add(1) };
    let size = slice_bytes(level);
    // Address 0 stands for a list without slices.
    if pool.used == 0 {
        pool.allocate(size);
    }
    let Some(address) = pool.allocate(size) else {
        return false;
    };
    let mut start = 0;
    if is_first {
        list.first = address;
    } else {
        // The link takes the place of the last bytes, which move to the new slice.
        let link = list.end - LINK_BYTES as u32;
        let mut moved = [0; LINK_BYTES];
        if let Some(last) = pool.slice_mut(link, LINK_BYTES) {
            moved.copy_from_slice(last);
            last.copy_from_slice(&address.to_le_bytes());
        }
        if let Some(new) = pool.slice_mut(address, LINK_BYTES) {
            new.copy_from_slice(&moved);
        }
        start = LINK_BYTES;
    }
    list.level = level;
    list.end = address + start as u32;
    list.left = (size - start) as u16;
    true
}

/// Writes a posting, and returns its length.
fn encode(delta: u32, counts: [u8; 4], buffer: &mut [u8; MAX_POSTING_BYTES]) -> usize {
    let is_plain = counts == PLAIN;
    let mut rest = u64::from(delta) << 1 | u64::from(is_plain);
    let mut at = 0;
    while rest >= 0x80 {
        buffer[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    buffer[at] = rest as u8;
    at += 1;
    if is_plain {
        return at;
    }
    // The fields that have a count in the lower half, a small first count in the upper.
    let mask_at = at;
    at += 1;
    let mut mask = 0;
    for (field, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        if mask == 0 && *count < 16 {
            mask = count << 4;
        } else {
            buffer[at] = *count;
            at += 1;
        }
        mask |= 1 << field;
    }
    buffer[mask_at] = mask;
    at
}

/// The postings of one term, in ascending order of their places.
#[derive(Debug)]
pub(crate) struct Postings<'a, T> {
    pool: &'a PostingPool,
    list: PostingList,
    bound: u32,
    kind: PhantomData<T>,
}

impl<T> Clone for Postings<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Postings<'_, T> {}

impl<'a, T: From<(u32, [u8; 4])>> Postings<'a, T> {
    /// How many there are.
    pub(crate) fn len(self) -> usize {
        self.list.len as usize
    }

    /// Whether there are none.
    pub(crate) fn is_empty(self) -> bool {
        self.list.len == 0
    }

    /// In ascending order of their places.
    pub(crate) fn iter(self) -> PostingIter<'a, T> {
        let mut iter = PostingIter {
            pool: self.pool,
            slice: &[],
            is_last: false,
            level: 0,
            end: self.list.end,
            left: self.list.len,
            place: 0,
            bound: self.bound,
            kind: PhantomData,
        };
        if iter.enter(self.list.first).is_none() {
            iter.left = 0;
        }
        iter
    }
}

impl<'a, T: From<(u32, [u8; 4])>> IntoIterator for Postings<'a, T> {
    type Item = T;
    type IntoIter = PostingIter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Decodes the postings of one term.
#[derive(Debug)]
pub(crate) struct PostingIter<'a, T> {
    pool: &'a PostingPool,
    /// What is left of the current slice, without its link.
    slice: &'a [u8],
    /// Whether no slice follows.
    is_last: bool,
    level: u8,
    end: u32,
    /// Postings left.
    left: u32,
    place: u32,
    bound: u32,
    kind: PhantomData<T>,
}

impl<T> PostingIter<'_, T> {
    fn enter(&mut self, address: u32) -> Option<()> {
        let size = slice_bytes(self.level);
        let whole = self.pool.slice(address, size)?;
        let used = self.end.checked_sub(address).map(|used| used as usize);
        self.is_last = used.is_some_and(|used| used <= size);
        self.slice = match used.filter(|_| self.is_last) {
            Some(used) => whole.get(..used)?,
            // With the link, which `byte` takes off.
            None => whole,
        };
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        if self.slice.len() == LINK_BYTES && !self.is_last {
            let link = u32::from_le_bytes(self.slice.try_into().ok()?);
            self.level = self.level.saturating_add(1);
            self.enter(link)?;
        }
        let (byte, rest) = self.slice.split_first()?;
        self.slice = rest;
        Some(*byte)
    }

    fn decode(&mut self) -> Option<(u32, [u8; 4])> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
            if shift > 35 {
                return None;
            }
        }
        self.place = self.place.checked_add(u32::try_from(value >> 1).ok()?)?;
        if value & 1 == 1 {
            return Some((self.place, PLAIN));
        }
        let mask = self.byte()?;
        let mut small = mask >> 4;
        let mut counts = [0; 4];
        for (field, count) in counts.iter_mut().enumerate() {
            if mask & 1 << field != 0 {
                *count = match std::mem::take(&mut small) {
                    0 => self.byte()?,
                    small => small,
                };
            }
        }
        Some((self.place, counts))
    }
}

impl<T: From<(u32, [u8; 4])>> Iterator for PostingIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        let found = self.decode().filter(|(place, _)| *place < self.bound);
        if found.is_none() {
            self.left = 0;
        }
        found.map(T::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Raw = (u32, [u8; 4]);

    fn read(lists: &PostingLists, number: u32) -> Vec<Raw> {
        lists.postings::<Raw>(number, usize::MAX).iter().collect()
    }

    proptest! {
        #[test]
        fn lists_are_read_as_they_were_written(
            postings in prop::collection::vec((0_u32..8, 0_u32..400_000, any::<[u8; 4]>()), 0..3000),
            is_plain in any::<bool>(),
        ) {
            let mut lists = PostingLists::default();
            let mut expected = vec![Vec::new(); 8];
            let mut place = 0;
            for (number, step, counts) in postings {
                let counts = if is_plain { PLAIN } else { counts };
                place += step % if is_plain { 3 } else { 400_000 };
                prop_assert!(lists.append(number, place, counts));
                expected[number as usize].push((place, counts));
            }
            for (number, expected) in (0..).zip(&expected) {
                prop_assert_eq!(&read(&lists, number), expected);
                prop_assert_eq!(lists.postings::<Raw>(number, usize::MAX).len(), expected.len());
            }
        }

        #[test]
        fn no_damage_makes_a_list_panic_or_go_on(
            bytes in prop::collection::vec(any::<u8>(), 0..5000),
            first in any::<u32>(), end in any::<u32>(), len in 0_u32..10_000, level in any::<u8>(),
        ) {
            let mut pool = PostingPool::default();
            pool.add_block(bytes);
            let lists = [0, first % 5000, first].map(|first| PostingList { first, end, len, level, ..PostingList::default() });
            let lists = PostingLists { lists: lists.into(), pool };
            for number in 0..4 {
                let places = lists.postings::<Raw>(number, 1000).iter().map(|(place, _)| place);
                prop_assert!(places.into_iter().all(|place| place < 1000));
            }
        }
    }

    #[test]
    fn a_long_list_takes_little_more_than_its_bytes() {
        let mut lists = PostingLists::default();
        for place in 0..1_000_000 {
            assert!(lists.append(0, place, PLAIN));
        }
        assert!(lists.pool.used() < 1_010_000, "{}", lists.pool.used());
        assert_eq!(read(&lists, 0).len(), 1_000_000);
    }
}
