//! How well the clock is kept, from the kernel's clock discipline.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use watchfire_model::MetricType::{self, Counter, Gauge};

/// `node_timex_*`.
pub(super) struct Timex;

/// What the kernel says about its clock, in its own units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ClockState {
    /// Whether the clock is kept by somebody.
    is_synchronised: bool,
    /// Bits that say how.
    status: i64,
    /// Offset and jitter in nanoseconds rather than microseconds.
    in_nanoseconds: bool,
    offset: f64,
    /// Parts per million, times 65536; so are the frequencies of the pulse.
    frequency: f64,
    max_error_us: f64,
    estimated_error_us: f64,
    time_constant: f64,
    tick_us: f64,
    pulse_frequency: f64,
    pulse_jitter: f64,
    /// As a power of two, in seconds.
    pulse_interval: f64,
    pulse_stability: f64,
    jitter_exceeded: f64,
    calibrations: f64,
    errors: f64,
    stability_exceeded: f64,
    tai_offset: f64,
}

/// Parts per million in the kernel's fixed point form.
const PPM_16: f64 = 65_536.0 * 1e6;

fn tell(state: ClockState, out: &mut Collection) {
    let divisor = if state.in_nanoseconds { 1e9 } else { 1e6 };
    let synchronised = f64::from(u8::from(state.is_synchronised));
    let rows: [(MetricType, &str, &str, f64); 17] = [
        (
            Gauge,
            "node_timex_offset_seconds",
            "How far the clock is from its reference.",
            state.offset / divisor,
        ),
        (
            Gauge,
            "node_timex_frequency_adjustment_ratio",
            "By what the clock's speed is multiplied.",
            1.0 + state.frequency / PPM_16,
        ),
        (
            Gauge,
            "node_timex_maxerror_seconds",
            "The clock is not more wrong than this.",
            state.max_error_us / 1e6,
        ),
        (
            Gauge,
            "node_timex_estimated_error_seconds",
            "The clock is probably wrong by this.",
            state.estimated_error_us / 1e6,
        ),
        (Gauge, "node_timex_status", "How the clock is kept, as bits.", state.status as f64),
        (Gauge, "node_timex_loop_time_constant", "How slowly the clock is corrected.", state.time_constant),
        (Gauge, "node_timex_tick_seconds", "Time between two ticks of the clock.", state.tick_us / 1e6),
        (
            Gauge,
            "node_timex_pps_frequency_hertz",
            "Frequency by a pulse per second.",
            state.pulse_frequency / PPM_16,
        ),
        (Gauge, "node_timex_pps_jitter_seconds", "Jitter of the pulse.", state.pulse_jitter / divisor),
        (Gauge, "node_timex_pps_shift_seconds", "Interval between calibrations.", state.pulse_interval),
        (
            Gauge,
            "node_timex_pps_stability_hertz",
            "How much the frequency wanders.",
            state.pulse_stability / PPM_16,
        ),
        (Counter, "node_timex_pps_jitter_total", "Pulses with too much jitter.", state.jitter_exceeded),
        (Counter, "node_timex_pps_calibration_total", "Calibrations by the pulse.", state.calibrations),
        (Counter, "node_timex_pps_error_total", "Calibrations that failed.", state.errors),
        (
            Counter,
            "node_timex_pps_stability_exceeded_total",
            "Calibrations with too much wander.",
            state.stability_exceeded,
        ),
        (Gauge, "node_timex_tai_offset_seconds", "How far TAI is ahead of UTC.", state.tai_offset),
        (
            Gauge,
            "node_timex_sync_status",
            "Whether somebody keeps the clock: 1 if so, 0 if it runs freely.",
            synchronised,
        ),
    ];
    for (kind, name, help, value) in rows {
        out.add(kind, name, help, &[], value);
    }
}

/// Asks the kernel, changing nothing.
#[cfg(target_os = "linux")]
fn ask() -> Result<ClockState, CollectError> {
    /// The clock is not synchronised, in what `adjtimex` returns and in the status bits of the same name.
    const TIME_ERROR: libc::c_int = 5;
    const STA_NANO: libc::c_int = 0x2000;
    // SAFETY: the structure consists of numbers, for which zeroes are valid; no mode is set, so nothing is changed; the
    // pointer is to a live structure of the type that the call wants.
    #[expect(unsafe_code, reason = "no crate of ours wraps adjtimex")]
    let (state, clock) = unsafe {
        let mut clock: libc::timex = std::mem::zeroed();
        let state = libc::adjtimex(&raw mut clock);
        (state, clock)
    };
    if state < 0 {
        return Err(CollectError::Call { call: "adjtimex", source: std::io::Error::last_os_error() });
    }
    Ok(ClockState {
        is_synchronised: state != TIME_ERROR,
        status: i64::from(clock.status),
        in_nanoseconds: clock.status & STA_NANO != 0,
        offset: clock.offset as f64,
        frequency: clock.freq as f64,
        max_error_us: clock.maxerror as f64,
        estimated_error_us: clock.esterror as f64,
        time_constant: clock.constant as f64,
        tick_us: clock.tick as f64,
        pulse_frequency: clock.ppsfreq as f64,
        pulse_jitter: clock.jitter as f64,
        pulse_interval: f64::from(clock.shift),
        pulse_stability: clock.stabil as f64,
        jitter_exceeded: clock.jitcnt as f64,
        calibrations: clock.calcnt as f64,
        errors: clock.errcnt as f64,
        stability_exceeded: clock.stbcnt as f64,
        tai_offset: f64::from(clock.tai),
    })
}

#[cfg(not(target_os = "linux"))]
fn ask() -> Result<ClockState, CollectError> {
    Err(CollectError::NoData("clock discipline that can be asked"))
}

impl Collector for Timex {
    fn name(&self) -> &'static str {
        "timex"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        tell(ask()?, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
