//! The calendar against an oracle that shares nothing with it: thirty zones, each change of local time from 2020 to 2040,
//! leap days, ends of months. `oracle` is whole-number arithmetic over `zones.txt`, which Python's zoneinfo wrote
//! (`zones.py`); it knows neither jiff nor the core. `words` holds the words of a program against it, `lived` whole
//! programs. The laws: nobody loses a day, and nothing ends before the day that was promised is over.

mod lived;
mod oracle;
mod words;
