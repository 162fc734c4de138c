use super::*;

fn ask(cache: &PageCache, seq: u64, offset: u64) -> bool {
    let mut read = false;
    let page = cache.values((seq, offset), || {
        read = true;
        Ok(vec![offset as u8; 1000])
    });
    assert_eq!(page.unwrap()[0], offset as u8);
    !read
}

#[test]
fn pages_asked_for_again_are_not_read_again_and_the_limit_holds() {
    let cache = PageCache::new(20_000);
    assert!(!ask(&cache, 1, 0));
    for offset in 1..200 {
        assert!(!ask(&cache, 1, offset));
        assert!(ask(&cache, 1, 0), "what is used again and again stays");
        assert!(cache.stats().bytes <= 20_000);
    }
    assert!(!ask(&cache, 1, 1), "what was read once has gone");
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (199, 201));
}

#[test]
fn a_forgotten_part_leaves_no_pages() {
    let cache = PageCache::new(100_000);
    for offset in 0..20 {
        ask(&cache, offset % 2, offset);
    }
    cache.forget(0);
    for offset in 0..20 {
        assert_eq!(ask(&cache, offset % 2, offset), offset % 2 == 1);
    }
    cache.forget(0);
    cache.forget(1);
    assert_eq!(cache.stats().bytes, 0);
}

#[test]
fn what_cannot_be_read_is_not_kept() {
    let cache = PageCache::new(100_000);
    let failed = || Err(BlockError::Damaged { path: "/p".into(), what: "a test" });
    assert!(cache.values((1, 1), failed).is_err());
    assert!(!ask(&cache, 1, 1));
    let huge = PageCache::new(100);
    assert!(!ask(&huge, 1, 1) && !ask(&huge, 1, 1));
    assert_eq!(huge.stats().bytes, 0);
}

#[test]
fn what_a_selector_found_is_that_selectors_alone() {
    let cache = PageCache::new(100_000);
    let ask = |value: &str| cache.asked(&[Matcher::equal("job", value)]);
    let (node, gpu) = (ask("node"), ask("gpu"));
    cache.keep_found(1, &node, [3, 7].into());
    assert_eq!(cache.found(1, &ask("node")).as_deref(), Some(&[3, 7][..]));
    assert_eq!(cache.found(2, &node), None);
    assert_eq!(cache.found(1, &gpu), None);
    let same_number = Asked { number: node.number, text: Arc::clone(&gpu.text) };
    assert_eq!(cache.found(1, &same_number), None, "numbers may fall together");
    cache.forget(1);
    assert_eq!(cache.found(1, &node), None);
}
