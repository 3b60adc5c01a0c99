import { needing } from './dmirror-test.js'
import { did } from './scene.js'

const PAGES = 4

export const userfaultfdTests = {
  userfaultfd_read: needing(['space.userfaultfd', 'mirror.userfaultfd'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(PAGES)
    const userfaultfd = await t.space.userfaultfd(range, { missing: true })
    const page = new Uint8Array(t.pageSize).fill(0xab)
    const serving = (async () => {
      for await (const fault of userfaultfd.faults()) await userfaultfd.copy(fault.page, page)
    })()
    const data = new Uint8Array(PAGES * t.pageSize).fill(0xab)
    did(await driver.read(range), PAGES, 1, data)
    await userfaultfd.close()
    await serving
  }),
}
