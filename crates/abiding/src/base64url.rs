//! The text of tokens, seals and keys: base64url without padding and without stray bits (RFC 4648, 5).
//!
//! Called by the key ring and the manager. On x86-64 and AArch64 the instructions that work on many
//! bytes at once are used where the processor has them, which is asked once, at run time.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::NO_PAD};

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
type Fastest = base64::engine::Simd;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
type Fastest = base64::engine::GeneralPurpose;

static ENGINE: LazyLock<Fastest> = LazyLock::new(|| {
    #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
    return Fastest::url_safe(NO_PAD);
    #[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
    return Fastest::new(&base64::alphabet::URL_SAFE, NO_PAD);
});

/// How many characters this many bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The bytes that `text` spells.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The same into `out`. `false` if they are more or fewer than that holds.
pub(crate) fn decode_exactly(text: &[u8], out: &mut [u8]) -> bool {
    ENGINE.decode_slice(text, out) == Ok(out.len())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Lengths around those at which the wide instructions take over from the plain ones.
    #[test]
    fn the_fast_engine_spells_and_reads_as_the_plain_one_does() {
        let bytes: Vec<_> = (0..300_u32).map(|at| (at * 167 / 8) as u8).collect();
        for len in 0..bytes.len() {
            let text = encode(&bytes[..len]);
            assert_eq!(text, URL_SAFE_NO_PAD.encode(&bytes[..len]));
            assert_eq!(text.len(), encoded_len(len));
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&bytes[..len]));
        }
    }

    #[test]
    fn one_text_alone_spells_some_bytes() {
        for len in [53, 54, 200, 201] {
            let good = encode(&vec![0xa5; len]).into_bytes();
            let refused = |text: &[u8]| {
                assert_eq!(decode(text), None, "{}", String::from_utf8_lossy(text));
            };
            refused(&[&good[..], b"="].concat());
            for position in 0..good.len() {
                for stray in *b"+/=. \n\x00\xff" {
                    let mut bad = good.clone();
                    bad[position] = stray;
                    refused(&bad);
                }
            }
            if len % 3 != 0 {
                let mut stray_bits = good.clone();
                *stray_bits.last_mut().unwrap() = b'_';
                refused(&stray_bits);
            }
            let mut room = vec![0; len];
            assert!(decode_exactly(&good, &mut room));
            assert!(!decode_exactly(&good, &mut room[1..]));
            assert!(!decode_exactly(&good[4..], &mut room));
        }
    }
}
