//! Room being raised.
