// What the simulation remembers: of a page that was touched, and of one that never was.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PAGES, scene } from './scene.mjs'

/** 1 TiB of 4 KiB pages. */
const UNTOUCHED_PAGES = 2 ** 28
/** What Linux has for a page: a PTE and a struct page. */
const LINUX_BYTES = 72

export default async function measure() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const used = () => {
    collect()
    collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  const bytes = async (pages, populate) => {
    const { backend, space } = await scene()
    // Whatever the first call of its kind makes is not of these pages.
    await space.munmap(await space.mmap({ pages: 1, populate }))
    const before = used()
    const range = await space.mmap({ pages, populate })
    const after = used()
    await space.munmap(range)
    await backend.close()
    return after - before
  }
  await bytes(1, true)
  const row = (name, value, bar) => ({ name, value, unit: 'bytes', linux: LINUX_BYTES, bar })
  return [
    row('bytes-per-page', (await bytes(PAGES, true)) / PAGES, 24),
    row(
      'bytes-per-page-untouched',
      Math.round(await bytes(UNTOUCHED_PAGES, false)) / UNTOUCHED_PAGES,
      0,
    ),
  ]
}
