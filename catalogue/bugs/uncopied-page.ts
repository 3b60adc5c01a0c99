import type { Device, DmaMapping, HostBuffer } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

/** A CPU fault on a page that is in the card: the new page, or undefined for SIGBUS. */
type Variant = (device: Device, vram: DmaMapping, page: HostBuffer) => Promise<boolean>

const faulty: Variant = async (device, vram, page) => {
  const to = device.dma.map(page, { direction: 'from-device' })
  await device.engine.copy(vram.address, to.address, page.bytes).catch(() => undefined)
  to.unmap()
  return true
}

const fixed: Variant = async (device, vram, page) => {
  const to = device.dma.map(page, { direction: 'from-device' })
  const copied = device.engine.copy(vram.address, to.address, page.bytes)
  const isCopied = await copied.then(() => true).catch(() => false)
  to.unmap()
  return isCopied
}

export default defineBug<Variant>({
  id: 'uncopied-page',
  about:
    'The copy from the memory of the card fails, and the fault handler maps the new page all the ' +
    'same: the process reads what was in it before, data of somebody else (CVE-2024-50096).',
  upstream: {
    subject: 'nouveau/dmem: Fix vulnerability in migrate_to_ram upon copy error',
    commit: '835745a377a4',
  },
  adapted:
    'A migration of the API copies by itself, so this is written with buffers: one is the card,' +
    ' the other the new page.',
  level: 'mapping',
  mirror: {
    answer: 'impossible by construction',
    because: 'the backend copies; a page whose copy fails stays where it is, with its data',
    evidence: ['test:a failed copy moves no page'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device, control }) => {
      const card = await device.dma.allocBuffer({ bytes: 4096, name: 'card' })
      card.write(0, new Uint8Array([7]))
      const vram = device.dma.map(card, { direction: 'to-device' })
      const page = await device.dma.allocBuffer({ bytes: 4096, name: 'page' })
      page.write(0, new Uint8Array([99]))
      await world.race({
        'cpu fault': async () => {
          if ((await variant(device, vram, page)) && page.read(0, 1)[0] !== 7) {
            throw new Error('the process is given a page that was not copied')
          }
        },
        bus: () => device.sync.mutex('bus').run(() => control.failNext('transfer')),
      })
      vram.unmap()
      await page.close()
      await card.close()
    }),
})
