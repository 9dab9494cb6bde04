//! ISO 4217: which currencies there are, and how many digits each has after the point.

const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR: &str = "CLF UYW";
const TWO: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
    CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
    MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER \
    ZAR ZMW ZWG";

/// Digits after the point; None if there is no such currency. Funds and metals are left out.
pub fn exponent(code: &str) -> Option<u8> {
    if code.len() != 3 {
        return None;
    }
    let has = |list: &str| list.split_ascii_whitespace().any(|c| c == code);
    [(TWO, 2), (NONE, 0), (THREE, 3), (FOUR, 4)].into_iter().find(|(list, _)| has(list)).map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn digits_of_currencies() {
        assert_eq!(exponent("EUR"), Some(2));
        assert_eq!(exponent("JPY"), Some(0));
        assert_eq!(exponent("KWD"), Some(3));
        assert_eq!(exponent("eur"), None);
        assert_eq!(exponent("EU"), None);
        assert_eq!(exponent("XYZ"), None);
    }
}
