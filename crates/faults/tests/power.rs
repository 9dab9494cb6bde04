//! A few power cuts; `cargo xtask faults power` makes thousands.

use std::path::Path;

use faults::power::{self, Control};

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged_and_the_control_does() {
    if let Some(why) = faults::mount::missing() {
        return faults::not_tested(&format!("power cuts: {why}"));
    }
    let own = Path::new(env!("CARGO_BIN_EXE_faults"));
    let small = power::store(own, 40, 1, Control::None).unwrap();
    assert_eq!(small.broken(), 0, "{:?}", small.example);
    assert!(small.in_checkpoint > 0 && small.acked > 100);
    let real = power::server(20, 1, Control::None, 10).unwrap();
    assert_eq!(real.broken(), 0, "{:?}", real.example);
    assert!(real.served > 0 && real.acked > 100);
    let normal = power::store(own, 30, 1, Control::Normal).unwrap();
    assert!(normal.broken() > 0, "synchronous=NORMAL was not found");
    let lying = power::server(15, 1, Control::LyingDisk, 100).unwrap();
    assert!(lying.broken() > 0, "a disk that lies was not found");
}
