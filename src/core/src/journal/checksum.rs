//! CRC-32C, salted and combined.

/// The salted start of every sum of a journal: bytes of another journal, or of an earlier life of this file, never carry a sum
/// that is right here, however similar they are (reliability.md F13).
pub fn seed(salt: u64) -> u32 {
    crc32c::crc32c(&salt.to_le_bytes())
}

/// The sum of `a` followed by `b`, from the sum of `a`, the sum of `b` (unsalted) and the length of `b`.
///
/// Why not `crc32c::crc32c_combine`: it squares 32 x 32 bit matrices for every bit of the length and was measured at
/// 48-92 us; reading 64 KiB again takes 3 us and 1 MiB 58 us, so it would never have paid. Multiplying polynomials modulo the
/// CRC's (as zlib does since 1.2.12) takes 0.1-0.6 us.
pub fn combine(a: u32, b: u32, b_bytes: usize) -> u32 {
    multiply(zeros_operator(b_bytes), a) ^ b
}

/// The CRC-32C polynomial without its leading term, bits reversed: bit 31 is the coefficient of x^0.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// x^0.
const ONE: u32 = 1 << 31;
/// x^(2^i) modulo the polynomial.
const POWERS: [u32; 32] = powers();

/// x^(8 * bytes) modulo the polynomial: what appending that many zero bytes multiplies a sum with.
fn zeros_operator(bytes: usize) -> u32 {
    let mut operator = ONE;
    let mut rest = bytes as u64;
    let mut power = 3;
    while rest != 0 {
        if rest & 1 == 1 {
            // The order of x divides 2^31 - 1, so that powers repeat after 31 squarings.
            operator = multiply(POWERS[power % 31], operator);
        }
        rest >>= 1;
        power += 1;
    }
    operator
}

/// `a * b` modulo the polynomial, in reversed bits.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = ONE;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
            if a & (bit - 1) == 0 {
                break;
            }
        }
        b = if b & 1 == 1 { (b >> 1) ^ POLYNOMIAL } else { b >> 1 };
        bit >>= 1;
    }
    product
}

const fn powers() -> [u32; 32] {
    let mut table = [0; 32];
    let mut power = ONE >> 1;
    let mut i = 0;
    while i < table.len() {
        table[i] = power;
        power = multiply(power, power);
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn combining_equals_reading_all(a in proptest::collection::vec(any::<u8>(), 0..300), b in proptest::collection::vec(any::<u8>(), 0..9000), salt: u64) {
            let whole = crc32c::crc32c_append(crc32c::crc32c_append(seed(salt), &a), &b);
            prop_assert_eq!(combine(crc32c::crc32c_append(seed(salt), &a), crc32c::crc32c(&b), b.len()), whole);
        }

        #[test]
        fn long_lengths_agree_with_the_crate(a: u32, b: u32, bytes in 0usize..1 << 40) {
            prop_assert_eq!(combine(a, b, bytes), crc32c::crc32c_combine(a, b, bytes));
        }
    }

    #[test]
    fn an_empty_part_changes_nothing() {
        assert_eq!(combine(0x1234_5678, 0, 0), 0x1234_5678);
    }
}
