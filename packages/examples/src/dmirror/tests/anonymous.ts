import { HmmError } from '@hmm-sdk/hmm-api'
import { needing, variants } from './dmirror-test.js'
import { did, equal, fails, type Scene } from './scene.js'

const TIMES = 10

export const anonymousTests = {
  open_close: needing([], async (t) => {
    const driver = await t.open()
    await driver.close()
  }),

  anon_read: needing([], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    // The first page is never touched, the second one only read.
    const data = t.words(range).slice()
    data.fill(0, 0, 2 * t.pageSize)
    await t.space.write(range.page(2).start, data.subarray(2 * t.pageSize))
    await t.space.mprotect(range, 'r')
    await t.cpuSees(range.page(1), new Uint8Array(t.pageSize))
    did(await driver.read(range), range.pages, 1, data)
  }),

  anon_read_prot: needing([], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    await t.space.mprotect(range, 'none')
    await fails('EFAULT', driver.read(range))
    await t.space.mprotect(range, 'r')
    await t.cpuSees(range, t.words(range))
  }),

  anon_write: needing([], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    did(await driver.write(range, t.words(range)), range.pages, 1)
    await t.cpuSees(range, t.words(range))
  }),

  anon_write_prot: needing([], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages, { protection: 'r' })
    did(await driver.read(range.page(0)), 1, 1, new Uint8Array(t.pageSize))
    await fails('EPERM', driver.write(range, t.words(range)))
    await t.cpuSees(range, new Uint8Array(range.pages * t.pageSize))
    await t.space.mprotect(range, 'rw')
    did(await driver.write(range, t.words(range)), range.pages, 1)
    await t.cpuSees(range, t.words(range))
  }),

  anon_write_child: needing(['space.fork'], async (t) => {
    const migrations = await variants(t, 'memory')
    for (const huge of await variants(t, 'huge pages')) {
      for (const migrated of migrations) await writeInChild(t, huge, migrated)
    }
  }),

  anon_write_child_shared: needing(['space.fork'], async (t) => {
    const range = await t.mmap(t.bufferPages, { shared: true })
    await t.fill(range, t.words(range))
    const child = await t.fork()
    await t.cpuSees(range, t.words(range), child)
    const driver = await t.open(0, child)
    did(await driver.write(range, t.words(range, 0, -1)), range.pages, 1)
    await t.cpuSees(range, t.words(range, 0, -1), child)
    await t.cpuSees(range, t.words(range, 0, -1))
  }),

  anon_read_multiple: needing([], async (t) => {
    const driver = await t.open()
    for (let time = 0; time < TIMES; time++) {
      const range = await t.mmap(t.bufferPages)
      await t.fill(range, t.words(range, time))
      did(await driver.read(range), range.pages, 1, t.words(range, time))
      await t.space.munmap(range)
    }
  }),

  anon_teardown: needing([], async (t) => {
    const driver = await t.open()
    // How many small steps of the CPU one read takes, to come between at different times.
    let steps = 0
    let torn = 0
    for (let time = 0; time <= TIMES; time++) {
      const range = await t.mmap(t.bufferPages)
      await t.fill(range, t.words(range, time))
      let running = true
      const reading = driver
        .read(range)
        .catch(onlyHmmError)
        .finally(() => (running = false))
      if (time === 0) {
        for (; running; steps++) await t.space.read(range.start, 1)
      } else {
        const before = (steps * (time - 1)) / TIMES
        for (let step = 0; step < before; step++) await t.space.read(range.start, 1)
        await t.space.munmap(range.slice(range.pages / 2, range.pages / 2))
      }
      const done = await reading
      if (done === undefined) torn += 1
      else did(done, range.pages, 1, t.words(range, time))
      await t.space.munmap(range)
    }
    t.note(`${torn} of ${TIMES} reads met the munmap, in ${steps} steps`)
  }),
}

async function writeInChild(t: Scene, huge: boolean, migrated: boolean): Promise<void> {
  const mapping = await t.mmap(huge ? 2 * t.hugePages : t.bufferPages)
  const range = huge ? t.hugeBlock(mapping) : mapping
  if (huge) await t.space.madvise(range, 'hugepage')
  await t.fill(range, t.words(range))
  const driver = await t.open()
  if (migrated) did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
  const child = await t.fork()
  await t.cpuSees(range, t.words(range), child)
  const own = await t.open(0, child)
  did(await own.write(range, t.words(range, 0, -1)), range.pages, 1)
  await t.cpuSees(range, t.words(range, 0, -1), child)
  await own.close()
  await child.close()
  await t.cpuSees(range, t.words(range))
  await driver.close()
  await t.space.munmap(mapping)
}

/** A read of what is being unmapped may fail, but as the API says. */
function onlyHmmError(error: unknown): undefined {
  equal(HmmError.is(error), true, `whether ${String(error)} is an HmmError`)
}
