//! Compresses the text of a session, as a zlib stream: for texts as short as those of cookies.
//!
//! A compressor for everything clears tables of 128 KiB before it looks at the first byte, and fills others that pay
//! off for longer texts. This one searches as zlib's level 6 does, with tables that fit the text, and writes nothing
//! where nothing is won. Called by the cookie. The format is RFC 1950 around RFC 1951.

/// The text as a zlib stream of one block; nothing if that would not be shorter, or the text is longer than
/// [`LONGEST`].
pub(super) fn pack(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut search = Search {
        text,
        heads: [0; HEADS],
        before: vec![0; text.len()],
    };
    let mut block = Block::default();
    search.parse(&mut block);
    block.literals[END] = 1;
    let own = Codes::of(&block);
    let plan = Plan::of(&own);
    let (with_own, with_fixed) = (plan.bits + own.bits(&block), block.fixed_bits());
    // Two bytes before the block, three bits that say what it is, four bytes after it.
    let bytes = (3 + with_own.min(with_fixed)).div_ceil(8) + 6;
    if bytes >= text.len() {
        return None;
    }
    let mut bits = Bits::new(bytes);
    bits.out.extend_from_slice(&[0x78, 0x9c]);
    if with_own < with_fixed {
        bits.put(0b101, 3);
        plan.write(&mut bits);
        own.write(&block, &mut bits);
    } else {
        bits.put(0b011, 3);
        Codes::fixed().write(&block, &mut bits);
    }
    let mut packed = bits.finish();
    packed.extend_from_slice(&adler32(text).to_be_bytes());
    Some(packed)
}

/// Beyond it positions do not fit the tables, nor distances the format.
pub(super) const LONGEST: usize = 32_767;

/// Finds what was there before.
struct Search<'a> {
    text: &'a [u8],
    /// The last position of each three bytes, by their hash, plus one.
    heads: [u16; HEADS],
    /// The position before it with the same hash, plus one.
    before: Vec<u16>,
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

impl Search<'_> {
    fn parse(&mut self, block: &mut Block) {
        let (mut at, mut ahead) = (0, None);
        while at < self.text.len() {
            let found = ahead.take().unwrap_or_else(|| self.find(at, SHORTEST - 1));
            self.note(at);
            let Some(found) = found else {
                block.literal(self.text[at]);
                at += 1;
                continue;
            };
            // A longer one may begin at the next byte.
            if found.length < GOOD
                && let Some(longer) = self.find(at + 1, found.length)
            {
                block.literal(self.text[at]);
                (at, ahead) = (at + 1, Some(Some(longer)));
                continue;
            }
            block.repeat(found);
            (at + 1..at + found.length).for_each(|at| self.note(at));
            at += found.length;
        }
    }

    /// The longest repetition at this position that is longer than `least`.
    fn find(&self, at: usize, least: usize) -> Option<Match> {
        let limit = (self.text.len() - at).min(258);
        if limit <= least.max(SHORTEST - 1) {
            return None;
        }
        let here = &self.text[at..at + limit];
        let (mut best, mut length) = (None, least);
        let mut next = self.heads[hash(here)];
        for _ in 0..CHAIN {
            let Some(start) = usize::from(next).checked_sub(1) else {
                break;
            };
            let there = &self.text[start..start + limit];
            if there[length] == here[length] {
                let same = common(here, there);
                let distance = at - start;
                // Three bytes from far away cost more than they are.
                if same > length && (same > SHORTEST || distance <= 4_096) {
                    length = same;
                    best = Some(Match { length, distance });
                    if length == limit {
                        break;
                    }
                }
            }
            next = self.before[start];
        }
        best
    }

    fn note(&mut self, at: usize) {
        if let Some(three) = self.text.get(at..at + SHORTEST) {
            let head = &mut self.heads[hash(three)];
            self.before[at] = *head;
            *head = at as u16 + 1;
        }
    }
}

/// How many bytes at the beginning are the same.
fn common(left: &[u8], right: &[u8]) -> usize {
    let words = left.chunks_exact(8).zip(right.chunks_exact(8));
    let from = 8 * words.take_while(|(left, right)| left == right).count();
    let bytes = left[from..].iter().zip(&right[from..]);
    from + bytes.take_while(|(left, right)| left == right).count()
}

fn hash(bytes: &[u8]) -> usize {
    let three = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    (three.wrapping_mul(0x9e37_79b1) >> (32 - HEADS.ilog2())) as usize
}

const HEADS: usize = 1 << 11;
const SHORTEST: usize = 3;
const GOOD: usize = 16;
const CHAIN: usize = 128;

/// What the text is made of, and how often each symbol occurs.
struct Block {
    /// A byte, or with [`REPEAT`] what is repeated: its length less three, its distance less one.
    symbols: Vec<u32>,
    literals: [u32; LITERALS],
    distances: [u32; DISTANCES],
    /// Of lengths and distances, beside their symbols.
    extra_bits: u32,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            symbols: Vec::with_capacity(512),
            literals: [0; LITERALS],
            distances: [0; DISTANCES],
            extra_bits: 0,
        }
    }
}

impl Block {
    fn literal(&mut self, byte: u8) {
        self.symbols.push(byte.into());
        self.literals[usize::from(byte)] += 1;
    }

    /// How long it is in the code that need not be told.
    fn fixed_bits(&self) -> usize {
        let literals = self.literals.iter().enumerate();
        let literals = literals.map(|(literal, count)| count * u32::from(fixed_length(literal)));
        let distances = self.distances.iter().sum::<u32>() * u32::from(FIXED_DISTANCE);
        (literals.sum::<u32>() + distances + self.extra_bits) as usize
    }

    fn repeat(&mut self, found: Match) {
        let (length, distance) = ((found.length - SHORTEST) as u32, found.distance as u32 - 1);
        self.symbols.push(REPEAT | length << 16 | distance);
        let (length, distance) = (Extended::length(length), Extended::distance(distance));
        self.literals[length.symbol] += 1;
        self.distances[distance.symbol] += 1;
        self.extra_bits += length.bits + distance.bits;
    }
}

const REPEAT: u32 = 1 << 31;
/// The last two are never used.
const LITERALS: usize = 288;
const DISTANCES: usize = 30;
/// The symbol at the end of a block.
const END: usize = 256;

/// A length or a distance: the symbol of its class, and where in the class it is.
struct Extended {
    symbol: usize,
    value: u32,
    bits: u32,
}

impl Extended {
    /// Of a length less three: eight classes of one, then four of each power of two, and one for the longest.
    fn length(length: u32) -> Self {
        let (bits, symbol) = match length {
            255 => (0, 285),
            _ => {
                let bits = length.max(4).ilog2() - 2;
                (bits, 257 + 4 * bits + (length >> bits))
            }
        };
        Self::new(symbol, length, bits)
    }

    /// Of a distance less one: four classes of one, then two of each power of two.
    fn distance(distance: u32) -> Self {
        let bits = distance.max(2).ilog2() - 1;
        Self::new(2 * bits + (distance >> bits), distance, bits)
    }

    fn new(symbol: u32, value: u32, bits: u32) -> Self {
        Self {
            symbol: symbol as usize,
            value: value & ((1 << bits) - 1),
            bits,
        }
    }
}

/// The code of each symbol.
struct Codes {
    literals: Code<LITERALS>,
    distances: Code<DISTANCES>,
}

impl Codes {
    fn of(block: &Block) -> Self {
        Self {
            literals: Code::of(&block.literals, 15),
            distances: Code::of(&block.distances, 15),
        }
    }

    /// Those that need not be told.
    fn fixed() -> Self {
        Self {
            literals: Code::with(std::array::from_fn(fixed_length)),
            distances: Code::with([FIXED_DISTANCE; DISTANCES]),
        }
    }

    fn bits(&self, block: &Block) -> usize {
        let bits = self.literals.bits(&block.literals) + self.distances.bits(&block.distances);
        bits + block.extra_bits as usize
    }

    fn write(&self, block: &Block, bits: &mut Bits) {
        for &symbol in &block.symbols {
            if symbol & REPEAT == 0 {
                self.literals.put(symbol as usize, bits);
                continue;
            }
            let length = Extended::length(symbol >> 16 & 0xff);
            self.literals.put(length.symbol, bits);
            bits.put(length.value, length.bits);
            let distance = Extended::distance(symbol & 0xffff);
            self.distances.put(distance.symbol, bits);
            bits.put(distance.value, distance.bits);
        }
        self.literals.put(END, bits);
    }
}

/// RFC 1951, 3.2.6.
fn fixed_length(literal: usize) -> u8 {
    match literal {
        0..144 | 280.. => 8,
        144..END => 9,
        _ => 7,
    }
}

const FIXED_DISTANCE: u8 = 5;

/// A prefix code: how many bits each symbol has, none for those that do not occur, and which.
struct Code<const N: usize> {
    lengths: [u8; N],
    words: [u16; N],
}

impl<const N: usize> Code<N> {
    /// The shortest code for symbols that occur so often, of words of at most `limit` bits.
    fn of(counts: &[u32; N], limit: usize) -> Self {
        let mut leaves: Vec<(u32, usize)> = Vec::with_capacity(N);
        leaves.extend((0..N).map(|symbol| (counts[symbol], symbol)));
        leaves.retain(|(count, _)| *count > 0);
        // A code of less than two words is none: some readers refuse it.
        let unused = (0..N).filter(|symbol| counts[*symbol] == 0);
        leaves.extend(
            unused
                .take(2_usize.saturating_sub(leaves.len()))
                .map(|symbol| (1, symbol)),
        );
        leaves.sort_unstable();
        let mut lengths = [0; N];
        let mut sizes = word_sizes(&leaves, limit);
        let mut leaves = leaves.iter();
        // The rarest have the longest.
        while let Some(size) = sizes.pop() {
            for (_, symbol) in leaves.by_ref().take(size) {
                lengths[*symbol] = sizes.len() as u8;
            }
        }
        Self::with(lengths)
    }

    /// Words in the order of their lengths, then of their symbols (RFC 1951, 3.2.2), turned round.
    fn with(lengths: [u8; N]) -> Self {
        let mut next = [0_u32; 17];
        for &length in lengths.iter().filter(|length| **length > 0) {
            next[usize::from(length) + 1] += 1;
        }
        for length in 1..17 {
            next[length] = (next[length] + next[length - 1]) << 1;
        }
        let mut words = [0; N];
        for (word, &length) in words.iter_mut().zip(&lengths) {
            if length > 0 {
                let next = &mut next[usize::from(length)];
                *word = (*next as u16).reverse_bits() >> (16 - length);
                *next += 1;
            }
        }
        Self { lengths, words }
    }

    fn bits(&self, counts: &[u32; N]) -> usize {
        let each = counts.iter().zip(&self.lengths);
        each.map(|(&count, &length)| count as usize * usize::from(length))
            .sum()
    }

    fn put(&self, symbol: usize, bits: &mut Bits) {
        bits.put(self.words[symbol].into(), self.lengths[symbol].into());
    }

    /// The lengths up to the last that is not zero, and at least so many.
    fn told(&self, least: usize) -> &[u8] {
        let used = self.lengths.iter().rposition(|length| *length > 0);
        &self.lengths[..used.map_or(0, |last| last + 1).max(least)]
    }
}

/// How many words there are of each length, for leaves in the order of their counts: Huffman's tree, made less deep
/// where it is deeper than the limit.
fn word_sizes(leaves: &[(u32, usize)], limit: usize) -> Vec<usize> {
    let joins = leaves.len() - 1;
    // Each node that joins two, its count and how deep it lies; the two of them are the next in either row.
    let (mut sums, mut parents) = (Vec::with_capacity(joins), vec![0; 2 * joins + 1]);
    let (mut leaf, mut join) = (0, 0);
    for parent in 0..joins {
        let mut sum = 0;
        for _ in 0..2 {
            let take_leaf = match (leaves.get(leaf), sums.get(join)) {
                (Some((count, _)), Some(joined)) => count <= joined,
                (one, _) => one.is_some(),
            };
            let place = if take_leaf { &mut leaf } else { &mut join };
            sum += if take_leaf {
                leaves[*place].0
            } else {
                sums[*place]
            };
            parents[if take_leaf {
                *place
            } else {
                leaves.len() + *place
            }] = parent;
            *place += 1;
        }
        sums.push(sum);
    }
    let mut depths = vec![0_usize; joins];
    for join in (0..joins - 1).rev() {
        depths[join] = depths[parents[leaves.len() + join]] + 1;
    }
    let mut sizes = vec![0_usize; limit + 1];
    for parent in &parents[..leaves.len()] {
        sizes[(depths[*parent] + 1).min(limit)] += 1;
    }
    // What was cut off has to go somewhere: a word that is shorter makes room below it, until all fit.
    let fits = 1_usize << limit;
    let mut taken: usize = (1..=limit)
        .map(|length| sizes[length] << (limit - length))
        .sum();
    while taken > fits {
        let Some(shorter) = (1..limit).rev().find(|length| sizes[*length] > 0) else {
            break;
        };
        sizes[limit] -= 1;
        sizes[shorter] -= 1;
        sizes[shorter + 1] += 2;
        taken -= 1;
    }
    sizes
}

/// How the lengths of the two codes are told (RFC 1951, 3.2.7).
struct Plan {
    literals: usize,
    distances: usize,
    /// A length, or how often one is repeated: the symbol, the number with it and its bits.
    runs: Vec<(u8, u8, u8)>,
    code: Code<19>,
    /// How many lengths of `code` are told.
    told: usize,
    bits: usize,
}

impl Plan {
    fn of(codes: &Codes) -> Self {
        let (literals, distances) = (codes.literals.told(257), codes.distances.told(1));
        let mut runs = Vec::with_capacity(128);
        let mut rest = literals.iter().chain(distances).copied().peekable();
        while let Some(length) = rest.next() {
            let mut count = 1;
            while rest.next_if_eq(&length).is_some() {
                count += 1;
            }
            tell(length, count, &mut runs);
        }
        let (mut counts, mut extra) = ([0; 19], 0);
        for (symbol, _, bits) in &runs {
            counts[usize::from(*symbol)] += 1;
            extra += usize::from(*bits);
        }
        let code = Code::of(&counts, 7);
        let last = ORDER.iter().rposition(|symbol| code.lengths[*symbol] > 0);
        let told = last.map_or(4, |last| (last + 1).max(4));
        Self {
            literals: literals.len(),
            distances: distances.len(),
            bits: 14 + 3 * told + code.bits(&counts) + extra,
            runs,
            code,
            told,
        }
    }

    fn write(&self, bits: &mut Bits) {
        bits.put(self.literals as u32 - 257, 5);
        bits.put(self.distances as u32 - 1, 5);
        bits.put(self.told as u32 - 4, 4);
        for symbol in &ORDER[..self.told] {
            bits.put(self.code.lengths[*symbol].into(), 3);
        }
        for (symbol, number, width) in &self.runs {
            self.code.put((*symbol).into(), bits);
            bits.put((*number).into(), (*width).into());
        }
    }
}

/// So many times the same length, as it is told.
fn tell(length: u8, mut count: usize, runs: &mut Vec<(u8, u8, u8)>) {
    if length > 0 {
        runs.push((length, 0, 0));
        count -= 1;
    }
    while count >= 3 {
        let (symbol, least, most, bits) = match (length, count) {
            (0, 11..) => (18, 11, 138, 7),
            (0, _) => (17, 3, 10, 3),
            _ => (16, 3, 6, 2),
        };
        let now = count.min(most);
        runs.push((symbol, (now - least) as u8, bits));
        count -= now;
    }
    runs.extend(std::iter::repeat_n((length, 0, 0), count));
}

/// In which the lengths of the lengths' own code are told.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Bits in the order in which the format has them, the lowest first.
struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn new(capacity: usize) -> Self {
        let (out, held, count) = (Vec::with_capacity(capacity + 8), 0, 0);
        Self { out, held, count }
    }

    /// At most 16 bits.
    fn put(&mut self, value: u32, bits: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += bits;
        if self.count >= 32 {
            self.out
                .extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let bytes = self.count.div_ceil(8) as usize;
        self.out
            .extend_from_slice(&self.held.to_le_bytes()[..bytes]);
        self.out
    }
}

/// The sum at the end of a zlib stream (RFC 1950, 8).
fn adler32(text: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    // So many bytes as the sums have room for.
    for chunk in text.chunks(5_552) {
        for &byte in chunk {
            low += u32::from(byte);
            high += low;
        }
        low %= 65_521;
        high %= 65_521;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

    use super::*;

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Compresses, and reads what became of it.
    fn packed(text: &[u8]) -> Option<usize> {
        let packed = pack(text)?;
        let mut read = Vec::new();
        let mut decoder = ZlibDecoder::new(&packed[..]);
        decoder.read_to_end(&mut read).unwrap();
        assert!(read == text, "{} bytes", text.len());
        assert_eq!(decoder.total_in() as usize, packed.len());
        Some(packed.len())
    }

    /// Numbers that are the same in every run.
    fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % below
        }
    }

    #[test]
    fn whatever_is_packed_is_read_by_another() {
        let mut next = numbers();
        for round in 0..400 {
            let (alphabet, length) = (1 + next(1 << (1 + round % 8)), next(1 << (1 + round % 14)));
            let mut text: Vec<u8> = (0..length).map(|_| next(alphabet) as u8).collect();
            for _ in 0..next(20) {
                let (from, to) = (next(length + 1), next(length + 1));
                text.extend_from_within(from.min(to)..from.max(to).min(from.min(to) + 300));
            }
            text.truncate(LONGEST);
            packed(&text);
        }
        for length in [100, 258, 259, 260, 1_000, 5_553, LONGEST] {
            packed(&vec![b'x'; length]).unwrap();
        }
        assert_eq!(pack(&vec![b'x'; LONGEST + 1]), None);
    }

    #[test]
    fn rare_symbols_have_words_that_the_format_can_hold() {
        // Counts like Fibonacci's make the deepest tree.
        let (mut text, mut counts) = (Vec::new(), (1, 1));
        for symbol in 0..21_u8 {
            text.extend(std::iter::repeat_n(symbol, counts.0));
            counts = (counts.1, counts.0 + counts.1);
        }
        let mut next = numbers();
        for place in (1..text.len()).rev() {
            text.swap(place, next(place + 1));
        }
        packed(&text).unwrap();
    }

    #[test]
    fn sessions_become_as_short_as_zlib_makes_them_within_a_hundredth() {
        let mut next = numbers();
        let mut sums = (0, 0);
        for round in 0..100 {
            let items = (0..next(20)).map(|id| {
                let count = next(9);
                format!(
                    r#"{{"count":{count},"id":{id},"title":"A thing of some name, number {id}"}}"#
                )
            });
            let items = items.collect::<Vec<_>>().join(",");
            let token: String = (0..40)
                .map(|_| char::from(b"0123456789abcdef"[next(16)]))
                .collect();
            let text = format!(
                r#"{{"_fresh":true,"_user_id":"{round}","cart":[{items}],"csrf_token":"{token}"}}"#
            );
            let theirs = zlib(text.as_bytes()).len();
            let ours = packed(text.as_bytes()).unwrap_or(theirs);
            sums = (sums.0 + ours, sums.1 + theirs);
        }
        let (ours, theirs) = sums;
        assert!(
            ours * 100 <= theirs * 101,
            "{ours} bytes in place of {theirs}"
        );
    }

    #[test]
    fn what_would_not_be_shorter_is_left_alone() {
        let mut next = numbers();
        let noise: Vec<u8> = (0..600).map(|_| next(256) as u8).collect();
        for text in [&b""[..], b"{}", br#"{"a":1}"#, br#"{"user_id":42}"#, &noise] {
            assert_eq!(pack(text), None);
            assert!(zlib(text).len() + 1 >= text.len());
        }
    }
}
