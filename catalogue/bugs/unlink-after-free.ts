import type { HostBuffer, IovaWindow } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** Gives the pages of a window back. */
type Variant = (window: IovaWindow, page: HostBuffer, stop: () => Promise<void>) => Promise<void>

const faulty: Variant = async (window, page, stop) => {
  await page.close()
  await stop()
  await window.close()
}

const fixed: Variant = async (window, page, stop) => {
  await stop()
  await window.close()
  await page.close()
}

export default defineBug<Variant>({
  id: 'unlink-after-free',
  about: 'The same at the two-step level: pages are freed that are still linked into a window.',
  upstream: {
    subject: 'drm/pagemap: dma-unmap pages before handling migration errors',
    commit: '9e6372ec2a39',
    release: '7.2.9',
  },
  level: 'window',
  mirror: {
    answer: 'impossible by construction',
    because: 'pages of a process are not freed by the driver, and unmapped before they go',
    evidence: ['case:mirror/revoke/munmap'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const window = await device.dma.openWindow({ pages: 1 })
      const page = await device.dma.allocBuffer({ bytes: 4096, name: 'page' })
      window.link(page, { at: 0, direction: 'from-device' })
      window.sync()
      const address = window.dmaAddress()
      const busy = device.sync.mutex('device is busy')
      let isStopped = false
      await world.race({
        driver: () => variant(window, page, () => busy.run(() => void (isStopped = true))),
        device: () =>
          busy.run(async () => {
            if (!isStopped) await device.engine.write(address, new Uint8Array([1]))
          }),
        other: async () => {
          const mine = await device.dma.allocBuffer({ bytes: 4096, name: 'of somebody else' })
          mine.write(0, new Uint8Array([5]))
          await device.sync.mutex('other').run(() => undefined)
          const [byte] = mine.read(0, 1)
          if (byte !== 5) throw new Error('the device wrote to memory that was freed')
          await mine.close()
        },
      })
    }),
})
