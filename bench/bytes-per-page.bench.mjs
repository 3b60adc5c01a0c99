// What the simulation remembers: of a page that was touched, and of one that never was. Linux has 72
// bytes for a page that is there, a PTE and a struct page.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PAGES, scene } from './scene.mjs'

/** 1 TiB of 4 KiB pages. */
const UNTOUCHED_PAGES = 2 ** 28

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
  // Thousandths: what a mapping itself costs is not a cost of its pages.
  const row = async (name, pages, populate, bar) => {
    const perPage = Math.round((1000 * (await bytes(pages, populate))) / pages) / 1000
    return { name, value: Math.max(0, perPage), unit: 'bytes', bar }
  }
  return [
    await row('bytes-per-page', PAGES, true, 24),
    await row('bytes-per-page-untouched', UNTOUCHED_PAGES, false, 0),
  ]
}
