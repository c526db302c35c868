//! How str0m is set up: one part of sound by Opus, and checks that notice soon when a way is gone.

use core::time::Duration;
use std::time::Instant;

use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

/// How long the answer to a check of the connection may take before it is sent again.
const STUN_FIRST: Duration = Duration::from_millis(250);

/// The longest such pause.
const STUN_LONGEST: Duration = Duration::from_secs(1);

/// How often it is sent again: a way that is gone is noticed after some six seconds.
const STUN_RETRIES: usize = 6;

/// How often the two ends tell each other what they got.
const REPORTS: Duration = Duration::from_secs(1);

/// The library takes its cryptography from the process; this is the one that is all Rust.
pub(in crate::media) fn use_pure_cryptography() {
    str0m::crypto::from_feature_flags().install_process_default();
}

pub(super) fn rtc(now: Instant) -> Rtc {
    let mut config = RtcConfig::new()
        .clear_codecs()
        .enable_opus(true, false)
        // Without those that number the layers of pictures: each would be a stream, before its packet is verified.
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(2, Extension::AbsoluteSendTime)
        .set_extension(3, Extension::TransportSequenceNumber)
        .set_extension(4, Extension::RtpMid)
        .set_rtp_mode(true)
        .set_stats_interval(Some(REPORTS))
        .set_rtcp_report_interval_audio(REPORTS);
    config.set_initial_stun_rto(STUN_FIRST);
    config.set_max_stun_rto(STUN_LONGEST);
    config.set_max_stun_retransmits(STUN_RETRIES);
    config.build(now)
}
