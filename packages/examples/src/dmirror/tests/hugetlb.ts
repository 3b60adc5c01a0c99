import type { VirtualRange } from '@hmm-sdk/hmm-api'
import { PROT } from '../snapshot.js'
import { needing } from './dmirror-test.js'
import { did, same, type Scene } from './scene.js'

export const hugetlbTests = {
  anon_write_hugetlbfs: needing(['space.hugetlb'], async (t) => {
    const driver = await t.open()
    const range = await reserved(t)
    did(await driver.write(range, t.words(range)), range.pages, 1)
    await t.cpuSees(range, t.words(range))
  }),

  compound: needing(['space.hugetlb'], async (t) => {
    const driver = await t.open()
    const range = await reserved(t)
    await t.fill(range, t.words(range))
    const bytes = (right: number): Uint8Array => {
      // A huge page of 2 MiB is one entry only where page tables have one of that size.
      const level = range.pages === t.hugePages ? PROT.pmd : 0
      return new Uint8Array(range.pages).fill(right | level)
    }
    same(await driver.snapshot(range), bytes(PROT.write), 'the snapshot')
    await t.space.mprotect(range, 'r')
    same(await driver.snapshot(range), bytes(PROT.read), 'the snapshot of what is read-only')
  }),
}

/** One huge page of the reserved pool. */
function reserved(t: Scene): Promise<VirtualRange> {
  return t.mmap((2 * 2 ** 20) / t.pageSize, { hugetlb: '2M' })
}
