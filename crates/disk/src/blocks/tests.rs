use super::*;
use crate::{RealDisk, SimDisk};

const KIND: FileKind = FileKind { magic: *b"WFTEST\0\0", version: 2 };

fn written(disk: Arc<dyn Disk>, dir: &Path) -> Vec<BlockRef> {
    let mut writer = BlockWriter::create(disk, dir, "a.blocks", KIND).unwrap();
    let refs = vec![
        writer.write_block(b"first").unwrap(),
        writer.write_block(&vec![7; 3 << 20]).unwrap(),
        writer.write_block(b"").unwrap(),
    ];
    writer.finish(b"the footer").unwrap();
    refs
}

#[test]
fn blocks_and_footer_come_back_and_nothing_unfinished_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let refs = written(Arc::new(RealDisk), dir.path());
    let reader = BlockReader::open(&RealDisk, &dir.path().join("a.blocks"), KIND).unwrap();
    assert_eq!(reader.footer().unwrap(), b"the footer");
    let mut bytes = Vec::new();
    reader.read(refs[0], &mut bytes).unwrap();
    assert_eq!(bytes, b"first");
    reader.read(refs[1], &mut bytes).unwrap();
    assert_eq!(bytes, vec![7; 3 << 20]);
    assert_eq!(RealDisk.list(dir.path()).unwrap().len(), 1);
}

#[test]
fn every_flipped_bit_is_found_in_header_block_or_footer() {
    let disk = SimDisk::new(1);
    let dir = Path::new("/t");
    disk.create_dir_all(dir).unwrap();
    let mut writer = BlockWriter::create(Arc::new(disk.clone()), dir, "a", KIND).unwrap();
    let block = writer.write_block(b"0123456789").unwrap();
    let len = writer.finish(b"footer").unwrap();
    for bit in 0..len * 8 {
        disk.flip_bit(&dir.join("a"), bit).unwrap();
        let whole = || -> Result<(), BlockError> {
            let reader = BlockReader::open(&disk, &dir.join("a"), KIND)?;
            reader.footer()?;
            reader.read(block, &mut Vec::new())
        };
        assert!(whole().is_err(), "bit {bit} of {len} bytes");
        disk.flip_bit(&dir.join("a"), bit).unwrap();
    }
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    written(Arc::new(RealDisk), dir.path());
    let older = FileKind { version: 1, ..KIND };
    let error = BlockReader::open(&RealDisk, &dir.path().join("a.blocks"), older).unwrap_err();
    assert!(matches!(error, BlockError::UnknownVersion { found: 2, supported: 1, .. }), "{error}");
}

#[test]
fn mutated_files_give_an_error_or_the_bytes_that_were_written() {
    let disk = SimDisk::new(1);
    let dir = Path::new("/t");
    disk.create_dir_all(dir).unwrap();
    let mut writer = BlockWriter::create(Arc::new(disk.clone()), dir, "a", KIND).unwrap();
    let contents: Vec<Vec<u8>> = (1..20_u8).map(|number| vec![number; usize::from(number) * 9]).collect();
    let blocks: Vec<BlockRef> = contents.iter().map(|bytes| writer.write_block(bytes).unwrap()).collect();
    let len = writer.finish(b"the footer").unwrap();
    let mut whole = vec![0; usize::try_from(len).unwrap()];
    disk.open(&dir.join("a")).unwrap().read_at(&mut whole, 0).unwrap();
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(2));
    for case in 0..4000 {
        let bytes = crate::mutation::mutated(&whole, &mut random);
        let path = dir.join("b");
        disk.create(&path).unwrap().append(&bytes).unwrap();
        let Ok(reader) = BlockReader::open(&disk, &path, KIND) else {
            refused += 1;
            continue;
        };
        match reader.footer() {
            Ok(footer) => assert_eq!(footer, b"the footer", "case {case}"),
            Err(_) => refused += 1,
        }
        let mut found = Vec::new();
        for (block, expected) in blocks.iter().zip(&contents) {
            if reader.read(*block, &mut found).is_ok() {
                assert_eq!(&found, expected, "case {case}");
            }
            assert!(found.capacity() <= len as usize * 2, "case {case}: more memory than the file is long");
        }
        // Places that no writer ever gave.
        let stray = BlockRef { offset: random.u64(..), len: random.u32(..), crc: random.u32(..) };
        assert!(reader.read(stray, &mut found).is_err(), "case {case}");
    }
    println!("4000 mutations, {refused} files without a footer");
    assert!(refused > 400);
}
