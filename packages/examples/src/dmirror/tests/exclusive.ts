import { needing } from './dmirror-test.js'
import { did, fails } from './scene.js'

export const exclusiveTests = {
  exclusive: needing(['exclusive'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.exclusive(range), range.pages, 0, t.words(range))
    await fails('EPERM', driver.checkExclusive(range))
    await t.cpuSees(range, t.words(range))
    await t.fill(range, t.words(range, 1))
    await t.cpuSees(range, t.words(range, 1))
    await driver.checkExclusive(range)
  }),

  exclusive_mprotect: needing(['exclusive'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.exclusive(range), range.pages, 0, t.words(range))
    await t.space.mprotect(range, 'r')
    await fails('EPERM', driver.write(range, t.words(range, 1)))
    await t.cpuSees(range, t.words(range))
  }),

  exclusive_cow: needing(['exclusive', 'space.fork'], async (t) => {
    const driver = await t.open()
    const range = await t.mmap(t.bufferPages)
    await t.fill(range, t.words(range))
    did(await driver.exclusive(range), range.pages, 0, t.words(range))
    const child = await t.fork()
    const increment = async (space = t.space): Promise<void> => {
      await t.cpuSees(range, t.words(range), space)
      await t.fill(range, t.words(range, 1), space)
      await t.cpuSees(range, t.words(range, 1), space)
    }
    await Promise.all([increment(), increment(child)])
  }),
}
