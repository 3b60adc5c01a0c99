import type { HostBuffer, IovaWindow } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

interface Eviction {
  readonly window: IovaWindow
  readonly page: HostBuffer
  /** Which pages are still in the card. */
  isThere(index: number): Promise<boolean>
}
/** Maps what is still in the card, copies it, and unmaps. */
type Variant = (eviction: Eviction) => Promise<void>

const faulty: Variant = async ({ window, page, isThere }) => {
  for (let index = 0; index < window.pages; index++) {
    if (!(await isThere(index))) continue
    window.link(page, { at: index, direction: 'from-device' })
  }
  window.sync()
  for (let index = 0; index < window.pages; index++) window.unlink(index, 1)
}

const fixed: Variant = async ({ window, page, isThere }) => {
  const linked: number[] = []
  for (let index = 0; index < window.pages; index++) {
    if (!(await isThere(index))) continue
    window.link(page, { at: index, direction: 'from-device' })
    linked.push(index)
  }
  if (linked.length > 0) window.sync(linked[0], linked.length)
  for (const index of linked) window.unlink(index, 1)
}

export default defineBug<Variant>({
  id: 'unmap-of-never-mapped',
  about:
    'An eviction maps only the pages that are still in the card, and unmaps all of them: what it ' +
    'unmaps was never mapped.',
  upstream: { subject: 'seen in drivers/gpu/drm/nouveau/nouveau_dmem.c of 7.3.4, not mended' },
  level: 'window',
  mirror: {
    answer: 'impossible by construction',
    because: 'unmapping what is not mapped is fine: mirror.unmap names a range, not mappings',
    evidence: ['case:mirror/map/unmap-twice'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const window = await device.dma.openWindow({ pages: 2 })
      const page = await device.dma.allocBuffer({ bytes: 4096, name: 'page' })
      const card = device.sync.mutex('card')
      const there = [true, true]
      await world.race({
        evict: () =>
          variant({ window, page, isThere: (index) => card.run(() => there[index] === true) }),
        'cpu fault': () => card.run(() => void (there[1] = false)),
      })
      await window.close()
      await page.close()
    }),
})
