/** Servers that have run for years, by network: where the search for peers begins when the operator names none. */

/** Networks without a row have no servers of the world, or none that anybody has agreed on. */
export const PEER_SEEDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  mainnet: [
    "electrum.blockstream.info s50002 t50001",
    "electrum.emzy.de s50002",
    "electrum.hodlister.co s50002",
    "electrum.hsmiths.com s50002 t50001",
    "electrum.jochen-hoenicke.de s50006 t50099",
    "electrum.qtornado.com s50002 t50001",
    "bitcoin.aranguren.org s50002 t50001",
    "bitcoin.lu.ke s50002 t50001",
    "blackie.c3-soft.com s57002 t57001",
    "e2.keff.org s50002 t50001",
    "ecdsa.net s110 t50001",
    "fortress.qtornado.com s443 t50001",
    "hodlers.beer s50002",
    "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion t110",
    "v7gtzf7nua6hdmb2wtqaqioqmesdb4xrlly4zwr7bvayxv2bpg665pqd.onion t50001",
    "v7o2hkemnt677k3jxcbosmjjxw3p5khjyu7jwv7orfy6rwtkizbshwqd.onion t57001",
  ],
  testnet3: [
    "electrum.blockstream.info s60002 t60001",
    "blackie.c3-soft.com s57006 t57005",
    "testnet.aranguren.org s51002 t51001",
    "testnet.qtornado.com s51002 t51001",
    "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion t143",
    "gsw6sn27quwf6u3swgra6o7lrp5qau6kt3ymuyoxgkth6wntzm2bjwyd.onion s51002 t51001",
  ],
  testnet4: [
    "blackie.c3-soft.com s57010 t57009",
    "bitcoin.stagemole.eu s5010 t5000",
    "fulcrum.theuplink.net s60002",
    "testnet4-electrumx.wakiyamap.dev s51002 t51001",
    "v22019051929289916.bestsrv.de s60002 t60001",
    "gsw6sn27quwf6u3swgra6o7lrp5qau6kt3ymuyoxgkth6wntzm2bjwyd.onion s52002 t52001",
  ],
  litecoin: [
    "backup.electrum-ltc.org s443 t50001",
    "electrum.ltc.xurious.com s50002 t50001",
    "electrum1.cipig.net s20063 t10063",
    "electrum2.cipig.net s20063 t10063",
    "electrum3.cipig.net s20063 t10063",
  ],
});
