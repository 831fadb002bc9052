//! Prints vectors of erasure coding, one JSON a line.
use codec::Encode;
use reed_solomon_novelpoly::{CodeParams, WrappedShard};
use sp_core::{Blake2Hasher, Hasher, H256};
use sp_trie::{
    trie_types::{TrieDBBuilder, TrieDBMutBuilderV0 as TrieDBMutBuilder},
    LayoutV0, MemoryDB, Recorder, Trie, TrieMut,
};

fn threshold(n: usize) -> usize { n.saturating_sub(1) / 3 + 1 }
fn hex(b: &[u8]) -> String { b.iter().map(|x| format!("{:02x}", x)).collect() }
fn payload(len: usize) -> Vec<u8> { (0..len).map(|i| ((i * 167 + (i >> 8) * 59 + 13) & 255) as u8).collect() }

fn main() {
    let sizes = [2usize, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 17, 31, 32, 33, 64, 100, 128, 300, 1000, 1023, 1024, 1025, 4000, 65536];
    let lengths = [1usize, 2, 3, 4, 5, 31, 32, 33, 64, 255, 1000, 4097, 20_001];
    for n in sizes {
        let params = CodeParams::derive_parameters(n, threshold(n)).unwrap();
        let encoder = params.make_encoder();
        for len in lengths {
            if n >= 4000 && len != 33 { continue }
            if n >= 300 && len < 1000 && len != 33 { continue }
            let data = payload(len);
            let shards: Vec<Vec<u8>> = encoder.encode::<WrappedShard>(&data).unwrap().into_iter().map(|s| s.into_inner()).collect();
            // As in polkadot-erasure-coding: `branches`.
            let mut storage: MemoryDB<Blake2Hasher> = MemoryDB::new(&[0u8]);
            let mut root = H256::default();
            {
                let mut trie = TrieDBMutBuilder::new(&mut storage, &mut root).build();
                for (i, shard) in shards.iter().enumerate() {
                    (i as u32).using_encoded(|key| { trie.insert(key, Blake2Hasher::hash(shard).as_bytes()).unwrap(); });
                }
            }
            let mut proofs = Vec::new();
            for i in [0, n / 2, n - 1] {
                let mut recorder = Recorder::<LayoutV0<Blake2Hasher>>::new();
                {
                    let trie = TrieDBBuilder::new(&storage, &root).with_recorder(&mut recorder).build();
                    (i as u32).using_encoded(|key| trie.get(key)).unwrap().unwrap();
                }
                let nodes: Vec<String> = recorder.drain().into_iter().map(|r| format!("\"{}\"", hex(&r.data))).collect();
                if len == 33 { proofs.push(format!("{{\"index\":{},\"nodes\":[{}]}}", i, nodes.join(","))) }
            }
            let all: Vec<u8> = shards.concat();
            let chunks = if all.len() <= 700 { format!("[{}]", shards.iter().map(|s| format!("\"{}\"", hex(s))).collect::<Vec<_>>().join(",")) } else { "null".into() };
            println!("{{\"n\":{},\"length\":{},\"codeLength\":{},\"k\":{},\"chunkLength\":{},\"root\":\"0x{}\",\"hashOfAll\":\"0x{}\",\"chunks\":{},\"proofs\":[{}]}}",
                n, len, params.n(), params.k(), shards[0].len(), hex(root.as_bytes()), hex(Blake2Hasher::hash(&all).as_bytes()), chunks, proofs.join(","));
        }
    }
}
