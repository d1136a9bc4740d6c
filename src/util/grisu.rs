//! Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", 2010):
//! the digits of a double by 64-bit arithmetic only.
//!
//! Why not a younger algorithm: Grisu2 gives the *shortest* digits for 99.9 % of all doubles and one digit
//! too many, or not the nearest of the short ones, for the rest (`1e23` comes out as `99999999999999990000000`).
//! Scores on the wire are bytes that clients compare and AOF files replay, so the same choice must be made.
//! What always holds: the digits read back as the same double.
//!
//! A number is `fraction * 2^exponent` with a 64-bit fraction. `w` lies between its two rounding boundaries;
//! all three are scaled by a cached power of ten so that digits can be cut off the top with shifts. The
//! boundaries are pulled in by one unit because the scaling is inexact, and digits of the upper one are generated
//! until what is left lies inside the interval; then the last digit is moved towards `w`.

/// At most this many digits are ever needed.
pub const DIGITS_MAX: usize = 17;

/// Decimal digits `d₁d₂…dₙ`, meaning `d₁d₂…dₙ * 10^exponent`; no leading zero.
pub struct Decimal {
    buf: [u8; DIGITS_MAX + 1],
    len: usize,
    pub exponent: i32,
}

impl Decimal {
    /// ASCII digits, one at least.
    pub fn digits(&self) -> &[u8] {
        &self.buf[..self.len]
    }
}

/// `fraction * 2^exponent`.
#[derive(Clone, Copy)]
struct Float {
    fraction: u64,
    exponent: i32,
}

impl Float {
    fn normalized(self) -> Float {
        let shift = self.fraction.leading_zeros();
        Float { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The upper half of the product, rounded half up.
    fn times(self, other: Float) -> Float {
        let product = u128::from(self.fraction) * u128::from(other.fraction) + (1 << 63);
        Float { fraction: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

/// The digits of `value`, which is finite and greater than zero.
pub fn decimal(value: f64) -> Decimal {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const HIDDEN: u64 = 1 << FRACTION_BITS;
    const SMALLEST_EXPONENT: i32 = f64::MIN_EXP - f64::MANTISSA_DIGITS as i32;
    debug_assert!(value.is_finite() && value > 0.0);

    let bits = value.to_bits();
    let biased = (bits >> FRACTION_BITS) as i32 & 0x7ff;
    let w = if biased == 0 {
        Float { fraction: bits & (HIDDEN - 1), exponent: SMALLEST_EXPONENT }
    } else {
        Float { fraction: bits & (HIDDEN - 1) | HIDDEN, exponent: SMALLEST_EXPONENT + biased - 1 }
    };
    let upper = Float { fraction: (w.fraction << 1) + 1, exponent: w.exponent - 1 }.normalized();
    // Below a power of two the neighbours are only half as far.
    let lower_shift = if w.fraction == HIDDEN { 2 } else { 1 };
    let lower = (w.fraction << lower_shift) - 1;
    let lower = Float { fraction: lower << (w.exponent - lower_shift - upper.exponent), exponent: upper.exponent };

    let (power, decimal_exponent) = cached_power(upper.exponent);
    let w = w.normalized().times(power);
    let mut upper = upper.times(power);
    let mut lower = lower.times(power);
    upper.fraction -= 1;
    lower.fraction += 1;
    generate(w, upper, lower, -decimal_exponent)
}

fn generate(w: Float, upper: Float, lower: Float, scale: i32) -> Decimal {
    const TEN_DIGITS: u64 = 1_000_000_000;
    let shift = -upper.exponent as u32;
    let one = 1u64 << shift;
    let mut out = Decimal { buf: [0; DIGITS_MAX + 1], len: 0, exponent: scale };
    let mut distance = upper.fraction - w.fraction;
    let mut width = upper.fraction - lower.fraction;
    let mut integer = upper.fraction >> shift;
    let mut fraction = upper.fraction & (one - 1);

    let mut unit = TEN_DIGITS;
    let mut remaining = 10;
    while remaining > 0 {
        let digit = integer / unit;
        integer %= unit;
        out.push(digit);
        remaining -= 1;
        let rest = (integer << shift) + fraction;
        if rest <= width {
            out.exponent += remaining;
            out.approach(distance, width, rest, unit << shift);
            return out;
        }
        unit /= 10;
    }
    loop {
        fraction *= 10;
        width *= 10;
        distance = distance.wrapping_mul(10);
        out.push(fraction >> shift);
        fraction &= one - 1;
        remaining -= 1;
        if fraction < width {
            out.exponent += remaining;
            out.approach(distance, width, fraction, one);
            return out;
        }
    }
}

impl Decimal {
    fn push(&mut self, digit: u64) {
        if (digit != 0 || self.len > 0) && self.len < self.buf.len() {
            self.buf[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that stays in the interval and comes nearer to `w`, which lies `distance`
    /// below the upper end; `rest` is how far the digits so far lie below it, `unit` what the last digit weighs.
    fn approach(&mut self, distance: u64, width: u64, mut rest: u64, unit: u64) {
        let Some(last) = self.buf[..self.len].last_mut() else {
            return;
        };
        while rest < distance
            && width - rest >= unit
            && (rest.wrapping_add(unit) < distance || distance - rest > rest.wrapping_add(unit).wrapping_sub(distance))
        {
            *last -= 1;
            rest += unit;
        }
    }
}

/// Scaling by the cached power must land the exponent in this window, so that the integer part has at most ten digits.
const WINDOW: std::ops::RangeInclusive<i32> = -60..=-32;
const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;

/// A power of ten that brings a 64-bit fraction with that `exponent` into the window, and which power it is.
fn cached_power(exponent: i32) -> (Float, i32) {
    const LOG10_2: f64 = std::f64::consts::LOG10_2;
    let wanted = (-f64::from(exponent + POWERS.len() as i32) * LOG10_2) as i32;
    let mut index = (wanted - FIRST_POWER) / POWER_STEP;
    loop {
        let decimal_exponent = FIRST_POWER + POWER_STEP * index;
        // floor(log2(10^n)) by a fixed-point log2(10), exact for every power in the table.
        let power = Float { fraction: POWERS[index as usize], exponent: ((decimal_exponent * 217_706) >> 16) - 63 };
        let scaled = exponent + power.exponent + 64;
        if scaled < *WINDOW.start() {
            index += 1;
        } else if scaled > *WINDOW.end() {
            index -= 1;
        } else {
            return (power, decimal_exponent);
        }
    }
}

/// `10^(-348 + 8i)`, its upper 64 bits rounded to the nearest.
#[rustfmt::skip]
static POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let decimal = decimal(value);
        format!("{}e{}", String::from_utf8_lossy(decimal.digits()), decimal.exponent)
    }

    #[test]
    fn makes_the_choices_of_the_paper() {
        for (value, expected) in [
            (1.0, "1e0"),
            (0.3, "3e-1"),
            (5e-324, "5e-324"),
            (f64::MAX, "17976931348623157e292"),
            (f64::MIN_POSITIVE, "22250738585072014e-324"),
            (1e23, "9999999999999999e7"),
            (8.044e-23, "8044000000000001e-38"),
            (7.21786405e35, "7217864050000001e20"),
            (1760485316806258.2, "17604853168062583e-1"),
        ] {
            assert_eq!(text(value), expected, "{value:e}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_double(bits in 1..0x7ff0_0000_0000_0000u64) {
            let value = f64::from_bits(bits);
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn every_power_of_two_works(exponent in -1074..1024) {
            let value: f64 = 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            prop_assert_eq!(text(value).parse::<f64>().unwrap(), value);
        }
    }
}
