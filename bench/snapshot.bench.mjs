// What a driver pays to see what is mapped: a range fault that asks for nothing, and its commit.
import { control } from '@hmm-sdk/backend-sim'
import { interleaved } from './interleaved.mjs'
import { writeTwoWords } from './reference/two-words.mjs'
import { PAGES, perPage, scene, watched } from './scene.mjs'

/** Pages of a huge page. */
const HUGE = 512

export default async function measure() {
  return [await present(), await mixed(), await huge()]
}

async function present() {
  const { range, notifier } = await watched(PAGES)
  await notifier.fault(range, { request: 'write' })
  return row('snapshot-4k', notifier, range, 4, (pages) => pages.writable(PAGES - 1))
}

/** Pages that are none, zero, read-only, swapped and present by turns. */
const KINDS = ['none', 'zero', 'read-only', 'swapped', 'present']

async function mixed() {
  const { backend, space, range, notifier } = await watched(PAGES)
  // Only single pages: a fault of the device takes the rest of its leaf along.
  const each = async (kind, work) => {
    for (let at = KINDS.indexOf(kind); at < PAGES; at += KINDS.length) await work(range.page(at))
  }
  const write = (page) => space.write(page.start, Uint8Array.of(1))
  await each('read-only', write)
  await each('swapped', write)
  await each('zero', (page) => space.read(page.start, 1))
  // What a child shares is read-only until somebody writes.
  await space.fork()
  await each('swapped', (page) => control(backend).reclaim(space, page))
  await each('present', write)
  return row('snapshot-mixed', notifier, range, 6, (pages) => {
    const last = PAGES - (PAGES % KINDS.length) - KINDS.length
    const found = KINDS.map((_, i) => [pages.valid(last + i), pages.writable(last + i)].join())
    return found.join(' ') === 'false,false true,false true,false false,false true,true'
  })
}

async function huge() {
  const { space, device } = await scene({ thp: 'always' })
  const whole = await space.mmap({ pages: PAGES + HUGE })
  const skip = (HUGE - (whole.startPage % HUGE)) % HUGE
  const range = whole.slice(skip, PAGES)
  const notifier = await device.notifier(space, range, { invalidate() {} })
  await notifier.fault(range, { request: 'write' })
  return row('snapshot-2m', notifier, range, 1.5, (pages) => pages.order(PAGES - HUGE) === 9)
}

async function row(name, notifier, range, bar, holds) {
  const words = new Uint32Array(2 * PAGES)
  const snapshot = (use) => notifier.faultAndCommit(range, {}, use)
  if (!(await snapshot(holds))) throw new Error(`${name}: the pages are not what the row is about`)
  const [reference, value] = await interleaved([
    () => writeTwoWords(words),
    () => snapshot(() => 0),
  ])
  return perPage(name, value, reference, PAGES, bar)
}
