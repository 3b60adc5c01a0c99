import { PROT } from '../snapshot.js'
import { has, needing } from './dmirror-test.js'
import { did, same } from './scene.js'

export const snapshotTests = {
  snapshot: needing([], async (t) => {
    const memory = await has(t, 'memory')
    const [first, second] = [await t.openWithZeroPage(0), await t.open(1)]
    const range = await t.mmap(7, { protection: 'none' })
    await t.space.munmap(range.page(1))
    await t.space.mprotect(range.page(2), 'r')
    await t.cpuSees(range.page(2), new Uint8Array(t.pageSize))
    await t.space.mprotect(range.slice(3, 4), 'rw')
    const three = t.words(range.page(0), 3, 0)
    for (const page of [3, 4]) await t.fill(range.page(page), three)
    await t.space.mprotect(range.page(3), 'r')
    const coherent = (await t.device()).memory.kind === 'coherent'
    if (memory) {
      did(await first.migrateToDevice(range.page(5)), 1, 0)
      did(await second.migrateToDevice(range.page(6)), 1, 0)
    }
    const expected = Uint8Array.of(
      PROT.error,
      PROT.error,
      PROT.zero | PROT.read,
      PROT.read,
      PROT.write,
      memory
        ? (coherent ? PROT.deviceCoherentLocal : PROT.devicePrivateLocal) | PROT.write
        : PROT.none,
      // Memory of another device. Of what the CPU does not reach nothing can be seen without a fault;
      // what it reaches is a page as any (the kernel's driver also looks whose it is).
      coherent ? PROT.write : PROT.none,
    )
    same(await first.snapshot(range), expected, 'the snapshot')
  }),

  mixedmap: needing(['space.driver-pages'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(1, { driverPages: true })
    same(await driver.snapshot(range), Uint8Array.of(PROT.read), 'the snapshot')
  }),

  hmm_gup_test: needing(['memory', 'space.pin'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(4)
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    // What the CPU does not reach cannot be pinned, it comes back; what it reaches does so only for long.
    const pins = [
      await t.space.pin(range.slice(0, 2), { longTerm: false }),
      await t.space.pin(range.slice(2, 2)),
    ]
    const coherent = (await t.device()).memory.kind === 'coherent'
    const short = PROT.write | (coherent ? PROT.deviceCoherentLocal : 0)
    const expected = Uint8Array.of(short, short, PROT.write, PROT.write)
    same(await driver.snapshot(range), expected, 'the snapshot')
    await t.cpuSees(range, t.words(range))
    for (const pin of pins) await pin.close()
  }),

  hmm_cow_in_device: needing(['memory', 'space.fork'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(4)
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0)
    const child = await t.fork()
    await t.fill(range, t.words(range, 7))
    await child.kill()
    await child.released
    const expected = new Uint8Array(range.pages).fill(PROT.write)
    same(await driver.snapshot(range), expected, 'the snapshot')
    await t.cpuSees(range, t.words(range, 7))
  }),
}
