//! Functions of instant vectors.

pub(crate) mod absent;
pub(crate) mod buckets;
pub(crate) mod dates;
pub(crate) mod histograms;
pub(crate) mod info;
pub(crate) mod labels;
pub(crate) mod math;
pub(crate) mod sort;
pub(crate) mod vector;
