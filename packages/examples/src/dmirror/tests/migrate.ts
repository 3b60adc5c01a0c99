import { has, needing } from './dmirror-test.js'
import { did, equal, fails } from './scene.js'

const TIMES = 10

export const migrateTests = {
  migrate: needing(['memory'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
  }),

  migrate_fault: needing(['memory'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    // The CPU takes half of it back; the rest is there already when it migrates again.
    const half = range.slice(0, range.pages / 2)
    await t.cpuSees(half, t.words(half))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
  }),

  migrate_release: needing(['memory'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    await driver.release()
    const { memory } = await t.device()
    equal(memory.freePages, memory.pages, 'the number of free device pages')
    await t.cpuSees(range, t.words(range))
  }),

  migrate_shared: needing(['memory'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages, { shared: true })
    await fails('ENOENT', driver.migrateToDevice(range))
  }),

  migrate_mixed: needing(['memory'], async (t) => {
    const [first, second] = [await t.open(0), await t.open(1)]
    const range = await t.mmap(6, { protection: 'none' })
    await fails('EINVAL', second.migrateToDevice(range))
    await t.space.munmap(range.page(1))
    await fails('EINVAL', second.migrateToDevice(range.slice(0, 3)))
    // Page 2 is a zero page, 3 may be read only, 4 and 5 may be written.
    const three = t.words(range.page(0), 3, 0)
    await t.space.mprotect(range.page(2), 'r')
    await t.cpuSees(range.page(2), new Uint8Array(t.pageSize))
    await t.space.mprotect(range.slice(3, 3), 'rw')
    for (const page of [3, 4, 5]) await t.fill(range.page(page), three)
    await t.space.mprotect(range.page(3), 'r')
    did(await second.migrateToDevice(range.slice(2, 4)), 4, 0)
    // It is on the other device.
    await fails('ENOENT', first.migrateToDevice(range.page(5)))
    await t.cpuSees(range.page(3), three)
    await t.cpuSees(range.page(5), three)
  }),

  migrate_multiple: needing(['memory'], async (t) => {
    const driver = await t.open()
    for (let time = 0; time < TIMES; time++) {
      const range = await t.mmap(t.bufferPages)
      await t.fill(range, t.words(range))
      did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
      // Nothing but the driver brings coherent pages back.
      if ((await t.device()).memory.kind === 'coherent') {
        equal((await driver.migrateToSystem(range)).pages, range.pages, 'the number of pages')
      }
      await t.cpuSees(range, t.words(range))
      await t.space.munmap(range)
    }
  }),

  double_map: needing([], async (t) => {
    const [first, second] = [await t.open(0), await t.open(1)]
    const range = await t.mmap(6)
    await t.fill(range, t.words(range))
    await t.space.mprotect(range, 'r')
    did(await first.read(range), range.pages, 1, t.words(range))
    did(await second.read(range), range.pages, 1, t.words(range))
    if (!(await has(t, 'memory'))) return
    did(await second.migrateToDevice(range), range.pages, 0, t.words(range))
    // They were taken from the first device, which gets them back for the asking.
    did(await first.read(range), range.pages, 1, t.words(range))
  }),
}
