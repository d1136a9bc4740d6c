//! The 80-bit `long double` of x87 in software, as far as INCRBYFLOAT, HINCRBYFLOAT and timeouts use it.
//!
//! Those commands answer what upstream's machine arithmetic answers, and their replies are replicated as
//! values, so every bit counts: reading rounds correctly to a 64-bit mantissa, addition rounds once, printing is
//! `%.17Lf` without trailing zeros. All of it is integer arithmetic on `u128` or a small big integer.
//!
//! ```text
//! value = ± mantissa * 2^exponent      mantissa: 64 bits, the top one set unless exponent == EXPONENT_MIN
//! ```
//!
//! What always holds: no text is read that is longer than [`TEXT_LEN_MAX`], which bounds the big integers.

use super::big::Big;
use super::float::{self, HexFloat};
use super::number;

/// Longer texts are refused, valid or not.
pub const TEXT_LEN_MAX: usize = 5119;

const MANTISSA_BITS: u32 = 64;
const EXPONENT_MIN: i32 = -16445;
/// Values from 2^16384 on are infinite.
const EXPONENT_END: i32 = 16384;

/// A finite or infinite 80-bit floating point number; never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Magnitude {
    Finite { mantissa: u64, exponent: i32 },
    Infinite,
}

impl LongDouble {
    /// Parses a number that is the whole of `text`, in the forms of [`float::parse_f64`].
    ///
    /// `None`: too long, not a number in full, NaN, or out of range (a nonzero text must not become zero).
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, body) = float::split_sign(text);
        let magnitude = match body {
            [b'0', b'x' | b'X', hex @ ..] => {
                let HexFloat { mantissa, exponent, sticky } = HexFloat::parse(hex)?;
                if mantissa == 0 { ZERO } else { nonzero(mantissa, exponent, sticky)? }
            }
            _ if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") => Magnitude::Infinite,
            _ => Decimal::parse(body)?.to_magnitude()?,
        };
        Some(LongDouble { negative, magnitude })
    }

    /// Whether this is a plain number.
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// Whether this is less than zero.
    pub fn is_negative(self) -> bool {
        self.negative && self.magnitude != ZERO
    }

    /// The number with the other sign.
    pub fn negated(self) -> LongDouble {
        LongDouble { negative: !self.negative, ..self }
    }

    /// Whether this is the smaller one.
    pub fn is_less_than(self, other: LongDouble) -> bool {
        match (self.magnitude, other.magnitude) {
            (Magnitude::Infinite, Magnitude::Infinite) => self.negative && !other.negative,
            (Magnitude::Infinite, _) => self.negative,
            (_, Magnitude::Infinite) => !other.negative,
            // A difference beyond the range has the sign of the first.
            _ => self.checked_add(other.negated()).map_or(self.negative, LongDouble::is_negative),
        }
    }

    /// The sum, rounded to nearest even; `None` when it would be infinite or not a number.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let (Magnitude::Finite { mantissa: m1, exponent: e1 }, Magnitude::Finite { mantissa: m2, exponent: e2 }) =
            (self.magnitude, other.magnitude)
        else {
            return None;
        };
        if m1 == 0 || m2 == 0 {
            return Some(if m1 == 0 { other } else { self });
        }
        if (e1, m1) < (e2, m2) {
            return other.checked_add(self);
        }
        // One bit of headroom above, 63 bits of precision below the larger operand.
        let larger = u128::from(m1) << 63;
        let unshifted = u128::from(m2) << 63;
        let distance = e1.abs_diff(e2);
        let smaller = unshifted.checked_shr(distance).unwrap_or(0);
        let sticky = smaller.checked_shl(distance).unwrap_or(0) != unshifted;
        let sum = if self.negative == other.negative { larger + smaller } else { larger - smaller - u128::from(sticky) };
        if sum == 0 {
            return Some(LongDouble { negative: false, magnitude: ZERO });
        }
        let magnitude = rounded(sum, i64::from(e1) - 63, sticky)?;
        (magnitude != Magnitude::Infinite).then_some(LongDouble { negative: self.negative, magnitude })
    }

    /// Seconds as whole milliseconds, fractions rounded up; `None` when that is beyond an `i64` or infinite.
    pub fn millis_ceil(self) -> Option<i64> {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return None;
        };
        if mantissa == 0 {
            return Some(0);
        }
        // As two roundings, like the multiplication and the ceiling they stand for.
        let Magnitude::Finite { mantissa, exponent } = rounded(u128::from(mantissa) * 1000, i64::from(exponent), false)? else {
            return None;
        };
        let whole = if exponent > 0 {
            // Normalised, so at least 2^64.
            return None;
        } else {
            let shift = exponent.unsigned_abs();
            let floor = mantissa.checked_shr(shift).unwrap_or(0);
            let exact = floor.checked_shl(shift) == Some(mantissa);
            i128::from(floor) + i128::from(!exact && !self.negative)
        };
        i64::try_from(if self.negative { -whole } else { whole }).ok()
    }

    /// Appends `%.17Lf` without the zeros at its end: `4.1`, `5200`, `0`, never `-0`; `inf` and `-inf`.
    pub fn write(self, out: &mut Vec<u8>) {
        const DECIMALS: usize = 17;
        const SCALE: u64 = 10u64.pow(DECIMALS as u32);
        let start = out.len();
        if self.negative {
            out.push(b'-');
        }
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            out.extend_from_slice(b"inf");
            return;
        };
        if exponent > 0 {
            let mut value = Big::from(mantissa);
            value.shift_left(exponent.unsigned_abs());
            value.write_decimal(out);
            return;
        }
        let shift = exponent.unsigned_abs();
        let mut whole = mantissa.checked_shr(shift).unwrap_or(0);
        let fraction = mantissa - whole.checked_shl(shift).unwrap_or(0);
        let mut decimals = shift_right_rounded(u128::from(fraction) * u128::from(SCALE), shift);
        if decimals == SCALE {
            whole += 1;
            decimals = 0;
        }
        number::write_u64(out, whole);
        out.extend_from_slice(format!(".{decimals:0DECIMALS$}").as_bytes());
        float::trim_fraction(out, start);
        if out[start..] == *b"-0" {
            out.remove(start);
        }
    }
}

const ZERO: Magnitude = Magnitude::Finite { mantissa: 0, exponent: 0 };

impl From<i64> for LongDouble {
    fn from(value: i64) -> LongDouble {
        let magnitude = match value.unsigned_abs() {
            0 => ZERO,
            mantissa => normalized(mantissa, 0),
        };
        LongDouble { negative: value < 0, magnitude }
    }
}

/// Exact for every double but NaN, which becomes zero.
impl From<f64> for LongDouble {
    fn from(value: f64) -> LongDouble {
        const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        let bits = value.to_bits();
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        let biased = (bits >> FRACTION_BITS) as i32 & 0x7ff;
        let magnitude = match biased {
            _ if value == 0.0 || value.is_nan() => ZERO,
            0x7ff => Magnitude::Infinite,
            0 => normalized(fraction, -1074),
            _ => normalized(fraction | 1 << FRACTION_BITS, biased - 1075),
        };
        LongDouble { negative: value.is_sign_negative(), magnitude }
    }
}

/// Shifts a nonzero mantissa up as far as the exponent allows.
fn normalized(mantissa: u64, exponent: i32) -> Magnitude {
    let shift = mantissa.leading_zeros().min(exponent.abs_diff(EXPONENT_MIN));
    let (mantissa, exponent) = (mantissa << shift, exponent - shift as i32);
    if exponent + MANTISSA_BITS as i32 > EXPONENT_END { Magnitude::Infinite } else { Magnitude::Finite { mantissa, exponent } }
}

/// The nearest value to `mantissa * 2^exponent` (a bit more when `sticky`), `mantissa` not zero. It may be zero
/// or infinite; `None` when the exponent is beyond any use.
fn rounded(mantissa: u128, exponent: i64, sticky: bool) -> Option<Magnitude> {
    let (mantissa, exponent) = float::round(mantissa, exponent, sticky, MANTISSA_BITS, i64::from(EXPONENT_MIN))?;
    Some(match mantissa {
        0 => ZERO,
        _ if exponent > i64::from(EXPONENT_END) => Magnitude::Infinite,
        _ => normalized(mantissa, exponent as i32),
    })
}

/// [`rounded`], refusing what a nonzero text must not become.
fn nonzero(mantissa: u128, exponent: i64, sticky: bool) -> Option<Magnitude> {
    rounded(mantissa, exponent, sticky).filter(|&magnitude| magnitude != ZERO && magnitude != Magnitude::Infinite)
}

/// `value / 2^shift` to the nearest, ties to even; the result must fit.
fn shift_right_rounded(value: u128, shift: u32) -> u64 {
    match shift {
        0 => value as u64,
        1..=127 => {
            let (floor, lost, half) = (value >> shift, value & ((1 << shift) - 1), 1u128 << (shift - 1));
            (floor + u128::from(lost > half || (lost == half && floor & 1 == 1))) as u64
        }
        // Below 2^-7 of a unit, for the values that occur here (less than 2^121).
        _ => 0,
    }
}

/// `digits * 10^exponent`, the digits without zeros in front or behind; none for zero.
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Digits with at most one point, one digit at least, then optionally `e` and a signed exponent.
    fn parse(text: &[u8]) -> Option<Decimal> {
        const EXPONENT_CAP: i64 = 1 << 40;
        let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')).unwrap_or(text.len());
        let (number, tail) = text.split_at(end);
        let point = number.iter().position(|&byte| byte == b'.').unwrap_or(number.len());
        let (whole, fraction) = (&number[..point], number.get(point + 1..).unwrap_or_default());
        let mut digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut exponent = 0i64;
        if let Some(tail) = tail.get(1..) {
            let (negative, tail) = float::split_sign(tail);
            if tail.is_empty() || !tail.iter().all(u8::is_ascii_digit) {
                return None;
            }
            exponent = tail.iter().fold(0, |sum: i64, &digit| (sum * 10 + i64::from(digit - b'0')).min(EXPONENT_CAP));
            exponent = if negative { -exponent } else { exponent };
        }
        exponent -= fraction.len() as i64;
        let zeros_behind = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
        digits.truncate(digits.len() - zeros_behind);
        exponent += zeros_behind as i64;
        let zeros_in_front = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros_in_front);
        Some(Decimal { digits, exponent })
    }

    /// The nearest value; `None` when that is infinite, or zero for a nonzero number.
    fn to_magnitude(&self) -> Option<Magnitude> {
        /// The largest power of five below 2^63.
        const SMALL_POWER: i64 = 27;
        const SMALL_DIGITS: usize = 19;
        if self.digits.is_empty() {
            return Some(ZERO);
        }
        // Where the first digit stands decides far outliers, before anything is computed with them.
        let magnitude = self.digits.len() as i64 + self.exponent;
        if !(-4960..=4940).contains(&magnitude) {
            return None;
        }
        let power = self.exponent.unsigned_abs() as u32;
        if self.digits.len() <= SMALL_DIGITS && self.exponent.abs() <= SMALL_POWER {
            let digits = self.digits.iter().fold(0u64, |sum, &digit| sum * 10 + u64::from(digit - b'0'));
            let five = 5u128.pow(power);
            if self.exponent >= 0 {
                return nonzero(u128::from(digits) * five, self.exponent, false);
            }
            let zeros = digits.leading_zeros();
            let dividend = u128::from(digits << zeros) << 64;
            return nonzero(dividend / five, self.exponent - 64 - i64::from(zeros), dividend % five != 0);
        }
        let mut numerator = Big::from_decimal(&self.digits);
        if self.exponent >= 0 {
            numerator.multiply_power_of_five(power);
            let (top, dropped, sticky) = numerator.top();
            return nonzero(top, self.exponent + dropped as i64, sticky);
        }
        let mut denominator = Big::from(1);
        denominator.multiply_power_of_five(power);
        // Scaled so that the quotient has 67 or 68 bits: a few more than the mantissa, the rest is sticky.
        const QUOTIENT_BITS: i64 = 67;
        let scale = QUOTIENT_BITS + denominator.bits() as i64 - numerator.bits() as i64;
        if scale >= 0 { &mut numerator } else { &mut denominator }.shift_left(scale.unsigned_abs() as u32);
        let (quotient, sticky) = numerator.divide_short(denominator, QUOTIENT_BITS as u32 + 1);
        nonzero(quotient, self.exponent - scale, sticky)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(value: LongDouble) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn parse(text: &str) -> Option<LongDouble> {
        LongDouble::parse(text.as_bytes())
    }

    fn sum(a: &str, b: &str) -> Option<String> {
        parse(a).unwrap().checked_add(parse(b).unwrap()).map(shown)
    }

    /// What INCRBYFLOAT of a genuine 8.0.6 (x86-64) answers.
    #[test]
    #[rustfmt::skip]
    fn adds_as_the_machine_does() {
        for (a, b, expected) in [
            ("3.0", "1.1", "4.1"), ("10.50", "0.1", "10.6"), ("5.0e3", "2.0e2", "5200"),
            ("0", "1e-17", "0.00000000000000001"), ("0", "0.000000000000000005", "0"),
            ("0", "0.000000000000000015", "0.00000000000000002"), ("0", "-1e-20", "0"), ("0", "-0", "0"),
            ("1", "-1.00000000000000000000001", "0"), ("-1", "-1e-30", "-1"),
            ("123456789.123456789", "0", "123456789.12345678899873747"), ("-199e-1465", "+0x021", "33"),
            ("0.000003330812618244230894", "+0xAF93d512516aa1F1AD.", "3238832653533676958208"),
            ("18446744073709551615.5", "-0x3a0B870.8p61", "-140344250464997448936849408"),
            ("9223372036854775807", "0xcaBBAF24C.", "9223372091275539019"),
            ("+0x631328Fa40A6ba91f356fp30", "337960395.5676322", "8037906271145764840291314455019520"),
            ("0xB98p-123", "-38.80272435", "-38.80272435"),
            ("-0xE321EE8C10c.8p-24", "+36463075986e21", "36463075985999999999097129926656"),
            ("+0x8f17A9e7FBcFd8B524fE.", "95232473054888", "675734925290269200809984"),
            ("+0x91dC6b3D.", "+618.55", "2447142311.55000000004656613"),
            ("0x11617BC558fCE.", "76.903315553826", "305766176493594.9033203125"),
            ("+0714.946645651", "-0xf", "699.94664565099999998"),
            ("0xA70D9DEA2B5d7fbf6B0E191E2f", "0.000000000000000680167257", "13235317352197205661036471910400"),
            ("+77573391296360e-3", "120664333260785", "120741906652081.3600006103515625"),
            ("+0.000000000000838744949517", "+85651069171e37", "856510691709999999994580090395115649283548774400"),
            ("+0.00000000000085930", "-691e-4746", "0.0000000000008593"),
            ("42542", "373666897e18", "373666896999999999989252096"),
            ("711e-21", "2749398038660028896e22", "27493980386600288960601361314191660548096"),
            ("+6680805e-26", "780.29", "780.28999999999999998"),
            ("+595e-2336", "59.3379879231753", "59.3379879231753"),
            ("777713401e28", "0.00000000000006", "7777134009999999999907617072113254400"),
            ("084445130841038688782032e-14", "-350721245480917355e-7", "-34227673239.68134861253201962"),
            ("6940873019655829056e9", "+85.49", "6940873019655829056196182016"),
            ("0.00000000089637422241", "+392732851814855e-15", "0.39273285271122922"),
            ("-156e-28", "+804.57", "804.57000000000000001"),
            ("-810516427715e13", "+351518450199", "-8105164277149648481681408"),
            ("+12035790.64722681", "1e-37", "12035790.64722680999966542"), ("427e-4762", "3240101e-51", "0"),
            ("37425e-20", "5.38", "5.38000000000000037"),
            ("610327270843871614078025728", "805551330716018386e-9", "610327270843871614866554880"),
            ("-27893e-27", "0875328e-59", "0"),
            ("0.000041178972", "-9401709217e35", "-940170921699999999988563272812197355664179200"),
            ("+532e-2961", "+70.5152715486329708", "70.5152715486329708"),
            ("0.0000991", "-31.07", "-31.0699009"),
            ("717180697.2429595", "36893488147419103233.25", "36893488148136283928"),
            ("-18446744073709551615", "0.000286190", "-18446744073709551615"),
            ("-3.22", "-849087904.2897909", "-849087907.50979089998872951"),
            ("+9223372036854775807.25", "425.51805211508691830", "9223372036854776233"),
            ("+71299730.408499", "+75959", "71375689.40849899999739137"),
            ("18446744073709551616.25", "270067933.07628584", "18446744073979619550"),
            ("4", "0.00000862", "4.00000862"),
            ("+955.1316191", "233070621.7092054", "233071576.84082449998822995"),
            ("+0.00006046922820261961167", "26.70", "26.70006046922820262"),
            ("-36893488147419103234.5", "-18446744073709551616.5", "-55340232221128654852"),
            ("-76865", "-.7305395", "-76865.73053949999999901"), ("-87.47", "-4.80", "-92.27"),
            ("-286136168.7903011", "473751397.0004892", "187615228.21018809999804944"),
            ("+5.19", "+9.83215001", "15.02215001"),
            ("13701472.852789164", "397749968559862", "397749982261334.852783203125"),
            ("+1.3112229829587548", "9223372036854775807", "9223372036854775808"),
            ("+243846573188", "818.78", "243846574006.7800000011920929"),
            ("18446744073709551616.25", "+9223372036854775808.5", "27670116110564327424"),
            (".6", "-758639473.7272732", "-758639473.12727320002159104"),
            ("+36893488147419103233.25", "0.0000000000006024747352455", "36893488147419103232"),
            ("-916358992720", "03919", "-916358988801"), ("+6978.7794", "+0.57717", "6979.35657000000000005"),
            ("0.008727921686597972", "-3037", "-3036.99127207831340214"),
            ("-230.05", "04122252", "4122021.95000000000004547"), ("+73.51", "+119", "192.51000000000000001"),
            ("3.78", "-36893488147419103233", "-36893488147419103228"),
            ("-0.00004697344109581774", "+14727638921432637924442112", "14727638921432637923917824"),
            ("9846", "+317.81", "10163.80999999999999961"),
            ("6.2432", "+432738167.9602864", "432738174.20348639998701401"),
            ("+724103308.1952226", "+343.93", "724103652.12522260000696406"),
            ("-005080090374", "+763504280561364408", "763504275481274034"),
            ("+434619625520617", "36893488147419103233", "36893922767044623848"),
            ("+216395138.1157906", "-3916.6797751785257231", "216391221.43601542148098815"),
            ("2.98", "+0.001852", "2.981852"),
            ("36893488147419103234.25", "+59516116395941238061056", "59553009884088657166336"),
            ("+450063325.68688", "36893488147419103233.25", "36893488147869166556"),
            ("-4597.1913", "4644632375403381", "4644632375398783.80859375"),
            ("519.57", "11.181151797", "530.75115179700000001"), ("7795456351377", "+7", "7795456351384"),
            ("+0.0000000379376548460226", "+36893488147419103233.5", "36893488147419103232"),
            ("+89024585", "120.93338", "89024705.93338000000221655"),
            ("+563602027.7051973", "-531153829210029", "-531153265608001.2947998046875"),
            ("8.265369234652877", "+46.34", "54.605369234652877"),
            ("-80.26", "180662458.5347774", "180662378.27477740000176709"),
            ("35316758", "346954178055546764400", "346954178055582081184"),
            ("-956.3869", "-801795442.3573422", "-801796398.74424219998763874"),
            ("-6", "18446744073709551615", "18446744073709551609"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
        }
    }

    #[test]
    fn sums_beyond_the_range_are_refused() {
        assert_eq!(sum("1e4932", "1e4932"), None);
        assert_eq!(sum("-1.18e4932", "-1.18e4932"), None);
        assert_eq!(sum("inf", "-inf"), None);
        assert_eq!(sum("1", "-inf"), None);
        let large = sum("0x1p16383", "0x1p16382").unwrap();
        assert!(large.starts_with("8922986215179238238143194949710053480725835153223826781045061159249460186353"), "{large}");
        assert_eq!(large.len(), 4932);
    }

    #[test]
    #[rustfmt::skip]
    fn reads_what_strtold_reads() {
        for text in [
            "0", "-0", "+1", ".5", "5.", "1e5", "1E+5", "00012", "0x10", "0X1P3", "0x.8", "0x1e5", "inf",
            "+INF", "-infinity", "1e400", "1.18e4932", "1e-4950", "3e-4951", "1.9e-4951",
            "0e99999999999999999999", "0x1p16383", "0x1p-16445", "0x1.8p-16446", "0x0p99999",
        ] {
            assert!(parse(text).is_some(), "{text:?}");
        }
        for text in [
            "", " 1", "1 ", "\t1", "1\0", "\x001", "infx", "infinit", "nan", "-nan", "nan(1)", "0x", "0xg",
            "0x1p", "1e", "1e+", ".", "+", "-", "+-1", "1.2.3", "1e1.5", "1.19e4932", "1e5000", "-1e5000",
            "1e-4951", "1.8e-4951", "1e-5000", "0x1p16384", "0x1p-16446", "1e99999999999999999999",
            "1e-99999999999999999999", "0x1p99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let ones = "1".repeat(200);
        assert!(
            shown(parse(&ones).unwrap())
                .starts_with("11111111111111111111038494428611142326958195793586848002674240")
        );
        assert_eq!(
            parse(&format!("{}1", "0".repeat(TEXT_LEN_MAX - 1)))
                .map(shown)
                .as_deref(),
            Some("1")
        );
        assert_eq!(parse(&format!("{}1", "0".repeat(TEXT_LEN_MAX))), None);
        assert_eq!(parse(&format!("1{}", "0".repeat(4933))), None);
    }

    #[test]
    #[rustfmt::skip]
    fn rounds_timeouts_up() {
        for (text, millis) in [
            ("0", Some(0)), ("1", Some(1000)), ("0.001", Some(1)), ("0.0011", Some(2)), ("1e-9", Some(1)),
            ("-1e-9", Some(0)), ("-1.5", Some(-1500)), ("9223372036854775", Some(9223372036854775000)),
            ("9223372036854775.807", Some(i64::MAX)), ("9223372036854776", None), ("1e4000", None),
            ("inf", None),
        ] {
            assert_eq!(parse(text).unwrap().millis_ceil(), millis, "{text}");
        }
    }

    #[test]
    fn knows_signs_and_infinities() {
        assert!(parse("-1").unwrap().is_negative() && !parse("-0").unwrap().is_negative() && !parse("1").unwrap().is_negative());
        assert!(!parse("-inf").unwrap().is_finite() && parse("1e4000").unwrap().is_finite());
        assert_eq!(shown(parse("-inf").unwrap()), "-inf");
        assert_eq!(shown(LongDouble::from(f64::MAX)).len(), 309);
        assert_eq!(shown(LongDouble::from(0.1)), "0.10000000000000001");
        assert_eq!(shown(LongDouble::from(1.0 / 3.0)), "0.33333333333333331");
    }

    proptest! {
        #[test]
        fn integers_are_exact(a: i64, b: i64) {
            let sum = i128::from(a) + i128::from(b);
            // 65 bits may need rounding.
            if sum.unsigned_abs() < 1 << 64 {
                prop_assert_eq!(shown(LongDouble::from(a).checked_add(LongDouble::from(b)).unwrap()), sum.to_string());
            }
            prop_assert_eq!(LongDouble::parse(a.to_string().as_bytes()), Some(LongDouble::from(a)));
        }

        /// The sum of two doubles rounds to the same double after going through 64 bits, whenever it is exact in 64 bits.
        #[test]
        fn doubles_are_exact(a in -1e9..1e9f64, b in -1e9..1e9f64) {
            let text = |value: f64| format!("{value:.40}");
            prop_assert_eq!(LongDouble::parse(text(a).as_bytes()), Some(LongDouble::from(a)));
            let sum = LongDouble::from(a).checked_add(LongDouble::from(b)).unwrap();
            let sum_other_way = LongDouble::from(b).checked_add(LongDouble::from(a)).unwrap();
            prop_assert_eq!(sum, sum_other_way);
            let near: f64 = shown(sum).parse().unwrap();
            prop_assert!((near - (a + b)).abs() <= (a + b).abs() * f64::EPSILON + 1e-17);
        }

        /// Both ways of reading a decimal agree: few digits by `u128`, many (zeros added in front of the exponent) by big integers.
        #[test]
        fn short_and_long_reading_agree(digits in 1u64..u64::MAX, exponent in -27i64..=27) {
            let short = Decimal { digits: (digits % 10u64.pow(19)).max(1).to_string().into_bytes(), exponent };
            let zeros = 30;
            let long = Decimal { digits: [&short.digits[..], &[b'0'; 30]].concat(), exponent: exponent - zeros };
            prop_assert_eq!(short.to_magnitude(), long.to_magnitude());
        }

        #[test]
        fn no_text_panics(text: Vec<u8>, plausible in "[-+0-9a-fxpinfINFtyeE.]{0,14}") {
            for text in [&text[..], plausible.as_bytes()] {
                if let Some(value) = LongDouble::parse(text) {
                    let _ = (shown(value), value.millis_ceil(), value.checked_add(value));
                }
            }
        }
    }
}
