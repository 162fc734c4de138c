//! The decoders of a part for the fuzz targets.

use super::values::ValuePage;
use super::{PartSeries, SeriesPage, Summary};

/// A page of series, unpacked.
pub fn series_page(bytes: &[u8]) {
    let Some(page) = SeriesPage::decode(5, bytes) else { return };
    let page = std::sync::Arc::new(page);
    for rank in 0..page.len() as u32 + 10 {
        let series = PartSeries::on(&page, rank);
        assert_eq!(series.is_some(), (5..page.len() as u32 + 5).contains(&rank));
        let Some(series) = series else { continue };
        assert_eq!(series.blocks().count(), series.ranges().count());
    }
}

/// A page of the index, unpacked: values in order with the series that have them.
pub fn value_page(bytes: &[u8]) {
    let (mut page, mut read) = (ValuePage::new(bytes), 0);
    while let Some((_, postings)) = page.next() {
        let _ = postings.read();
        read += 1;
    }
    assert!(read <= bytes.len(), "every value takes a byte at least");
}

/// The footer.
pub fn footer(bytes: &[u8]) {
    if let Some(summary) = Summary::decode(bytes) {
        assert!(summary.replaces.len() <= bytes.len() && summary.series_pages.len() <= bytes.len());
    }
}
