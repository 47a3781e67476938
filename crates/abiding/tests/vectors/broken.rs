//! Damage: every input cut short at every place, and with every single bit flipped.

/// All of it; for long inputs a sample that is spread over the whole.
pub(crate) fn all(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cut = (0..bytes.len())
        .step_by(stride(bytes))
        .map(|end| bytes[..end].to_vec());
    cut.chain(flipped(bytes))
}

/// Every bit flipped, one at a time.
pub(crate) fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).step_by(stride(bytes)).map(|bit| {
        let mut broken = bytes.to_vec();
        broken[bit / 8] ^= 1 << (bit % 8);
        broken
    })
}

/// Coprime to eight, so that every bit of a byte has its turn.
fn stride(bytes: &[u8]) -> usize {
    bytes.len() / 150 * 2 + 1
}
