//! The digits of a double, by Grisu2 (Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers", 2010) with the same powers of ten and the same roundings as Redis.
//!
//! Grisu2 yields digits that read back as the same number but misses the shortest about once in
//! 600 doubles, and which ones depends on every rounding on the way. Clients see these digits in
//! scores, so an algorithm that is always right would be wrong.
//!
//! Invariant: digits only; signs, points and exponents are `base::num`'s.

/// Digits that a double has at most.
const DIGITS_MAX: usize = 18;

/// The significant digits of a positive finite double.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    text: [u8; DIGITS_MAX],
    len: usize,
    /// The power of ten of the last digit.
    pub power: i32,
}

/// A binary floating point number of 64 bits.
#[derive(Clone, Copy, Debug)]
struct Binary {
    fraction: u64,
    exponent: i32,
}

/// A scaled double between the bounds of what reads back as itself.
struct Interval {
    value: Binary,
    lower: Binary,
    upper: Binary,
}

const MANTISSA_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << MANTISSA_BITS;
const EXPONENT_BIAS: i32 = 1075;

/// The fractions of 10^-348, 10^-340, ... 10^340, to the nearest.
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288,
    0xbaae_e17f_a23e_bf76,
    0x8b16_fb20_3055_ac76,
    0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d,
    0xe61a_cf03_3d1a_45df,
    0xab70_fe17_c79a_c6ca,
    0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c,
    0x8dd0_1fad_907f_fc3c,
    0xd351_5c28_3155_9a83,
    0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb,
    0xaecc_4991_4078_536d,
    0x823c_1279_5db6_ce57,
    0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f,
    0xd774_85cb_2582_3ac7,
    0xa086_cfcd_97bf_97f4,
    0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e,
    0x84c8_d4df_d2c6_3f3b,
    0xc5dd_4427_1ad3_cdba,
    0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584,
    0xa3ab_6658_0d5f_daf6,
    0xf3e2_f893_dec3_f126,
    0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b,
    0xc9bc_ff60_34c1_3053,
    0x964e_858c_91ba_2655,
    0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f,
    0xf8a9_5fcf_8874_7d94,
    0xb944_7093_8fa8_9bcf,
    0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6,
    0x993f_e2c6_d07b_7fac,
    0xe45c_10c4_2a2b_3b06,
    0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e,
    0xbce5_0864_9211_1aeb,
    0x8cbc_cc09_6f50_88cc,
    0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000,
    0xe8d4_a510_0000_0000,
    0xad78_ebc5_ac62_0000,
    0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3,
    0x8f7e_32ce_7bea_5c70,
    0xd5d2_38a4_abe9_8068,
    0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27,
    0xb0de_6538_8cc8_ada8,
    0x83c7_088e_1aab_65db,
    0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758,
    0xda01_ee64_1a70_8dea,
    0xa26d_a399_9aef_774a,
    0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877,
    0x865b_8692_5b9b_c5c2,
    0xc835_53c5_c896_5d3d,
    0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3,
    0xa59b_c234_db39_8c25,
    0xf6c6_9a72_a398_9f5c,
    0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2,
    0xcc20_ce9b_d35c_78a5,
    0x9816_5af3_7b21_53df,
    0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396,
    0xfb9b_7cd9_a4a7_443c,
    0xbb76_4c4c_a7a4_4410,
    0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c,
    0x9b10_a4e5_e991_3129,
    0xe710_9bfb_a19c_0c9d,
    0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85,
    0xbf21_e440_03ac_dd2d,
    0x8e67_9c2f_5e44_ff8f,
    0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9,
    0xeb96_bf6e_badf_77d9,
    0xaf87_023b_9bf0_ee6b,
];
const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;
/// Binary exponents that a scaled number may have, so that its integral part fits into 32 bits.
const SCALED_MIN: i32 = -60;
const SCALED_MAX: i32 = -32;

impl Digits {
    /// The digits of `value`, which is positive and finite.
    pub fn of(value: f64) -> Digits {
        let exact = Binary::exact(value);
        let bounds = exact.bounds();
        let (ten, power) = scale(bounds.upper.exponent);
        let mut lower = bounds.lower.times(ten);
        let mut upper = bounds.upper.times(ten);
        // The products may be off by one: inside the bounds whatever their error.
        lower.fraction += 1;
        upper.fraction -= 1;
        let scaled = Interval { value: bounds.value.times(ten), lower, upper };
        let mut digits = Digits { text: [0; DIGITS_MAX], len: 0, power: -power };
        scaled.write(&mut digits);
        digits
    }

    /// The digits as text, the first of which is not zero.
    pub fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// Adds a digit, unless it is a leading zero.
    fn push(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.text[self.len] = b'0' + (digit % 10) as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that brings the number, which lies `rest` below the upper
    /// bound, nearer to the one that lies `target` below it.
    fn round(&mut self, mut rest: u64, target: u64, width: u64, unit: u64) {
        let nearer = |rest: u64| rest + unit < target || target - rest > rest + unit - target;
        while rest < target && width - rest >= unit && nearer(rest) {
            self.text[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

impl Binary {
    fn exact(value: f64) -> Binary {
        let bits = value.to_bits();
        let fraction = bits & (HIDDEN_BIT - 1);
        match (bits >> MANTISSA_BITS) as i32 {
            0 => Binary { fraction, exponent: 1 - EXPONENT_BIAS },
            biased => Binary { fraction: fraction | HIDDEN_BIT, exponent: biased - EXPONENT_BIAS },
        }
    }

    /// The same number with its highest bit set.
    fn normalized(self) -> Binary {
        let shift = self.fraction.leading_zeros();
        Binary { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The number between the middles towards its neighbours, all with one exponent. The lower
    /// neighbour of a power of two is nearer.
    fn bounds(self) -> Interval {
        let upper =
            Binary { fraction: (self.fraction << 1) + 1, exponent: self.exponent - 1 }.normalized();
        let near = if self.fraction == HIDDEN_BIT { 2 } else { 1 };
        let shift = (self.exponent - near - upper.exponent).unsigned_abs();
        let fraction = ((self.fraction << near) - 1) << shift;
        let lower = Binary { fraction, exponent: upper.exponent };
        Interval { value: self.normalized(), lower, upper }
    }

    /// The upper half of the product, to the nearest.
    fn times(self, other: Binary) -> Binary {
        let product = u128::from(self.fraction) * u128::from(other.fraction) + (1 << 63);
        Binary { fraction: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

/// A power of ten that brings numbers of this binary exponent into the range where digits are
/// taken, and which power it is.
fn scale(exponent: i32) -> (Binary, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    // Several powers do. Redis tries the one that this estimate, cut to an integer, names.
    let estimate = (f64::from(-(exponent + POWERS.len() as i32)) * LOG10_OF_2) as i32;
    let mut index = (estimate - FIRST_POWER) / POWER_STEP;
    loop {
        let power = FIRST_POWER + index * POWER_STEP;
        // The logarithm of ten to base two, times 2^19, which is exact enough for these powers.
        let ten =
            Binary { fraction: POWERS[index as usize], exponent: ((power * 1_741_647) >> 19) - 63 };
        match exponent + ten.exponent + 64 {
            scaled if scaled < SCALED_MIN => index += 1,
            scaled if scaled > SCALED_MAX => index -= 1,
            _ => return (ten, power),
        }
    }
}

impl Interval {
    /// Takes digits off the upper bound until what is left lies within the interval.
    fn write(&self, digits: &mut Digits) {
        let target = self.upper.fraction - self.value.fraction;
        let width = self.upper.fraction - self.lower.fraction;
        let point = self.upper.exponent.unsigned_abs();
        let one = 1u64 << point;
        let mut whole = self.upper.fraction >> point;
        let part = self.upper.fraction & (one - 1);

        for power in (0..10).rev() {
            let unit = 10u64.pow(power);
            digits.push(whole / unit);
            whole %= unit;
            let rest = (whole << point) + part;
            if rest <= width {
                digits.power += power as i32;
                return digits.round(rest, target, width, unit << point);
            }
        }
        self.write_part(digits, part, target, width);
    }

    /// The digits behind the point. `width` is less than `part`, which is less than one: ten times
    /// either does not overflow.
    fn write_part(&self, digits: &mut Digits, part: u64, target: u64, width: u64) {
        let point = self.upper.exponent.unsigned_abs();
        let one = 1u64 << point;
        let (mut part, mut target, mut width) = (part, target, width);
        loop {
            part *= 10;
            width *= 10;
            target *= 10;
            digits.power -= 1;
            digits.push(part >> point);
            part &= one - 1;
            if part < width {
                return digits.round(part, target, width, one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_to_the_nearest() {
        // The standard library's numbers know 53 of the 64 bits.
        for (index, fraction) in POWERS.iter().enumerate() {
            let power = FIRST_POWER + POWER_STEP * index as i32;
            let parsed: f64 = format!("1e{power}").parse().expect("a number");
            if parsed.is_normal() {
                let known = (parsed.to_bits() & (HIDDEN_BIT - 1) | HIDDEN_BIT) << 11;
                assert!(fraction.abs_diff(known) <= 1 << 10, "{power}");
            }
        }
    }

    #[test]
    fn the_shortest_is_missed_where_redis_misses_it() {
        let cases: &[(f64, &str, i32)] = &[
            (0.1, "1", -1),
            (3.25, "325", -2),
            (0.073067, "7306699999999999", -17),
            (5e-324, "5", -324),
            (f64::MAX, "17976931348623157", 292),
            (f64::MIN_POSITIVE, "22250738585072014", -324),
        ];
        for (value, text, power) in cases {
            let digits = Digits::of(*value);
            assert_eq!((digits.text(), digits.power), (text.as_bytes(), *power));
        }
    }
}
