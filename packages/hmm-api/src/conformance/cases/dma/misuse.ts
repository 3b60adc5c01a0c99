import { equal, ok, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Mistakes with DMA that no call can refuse, or that were refused, are reported: as an event, and in the
report of the backend. A driver that does all right is never reported.`

/** Runs `work`; the checks that reported something. */
async function reported(t: Scene, work: () => Promise<void>): Promise<string[]> {
  const checks: string[] = []
  const stop = t.backend.trace((event) => {
    if (event.type === 'misuse') checks.push(event.check)
  })
  await work()
  stop()
  const kept = t.backend.report().misuses.map(({ check }) => check)
  ok(
    checks.every((check) => kept.includes(check)),
    'what was traced is in the report of the backend',
  )
  return checks
}

export const group = caseGroup('dma/misuse', ['dma.checker', 'dma.streaming', 'engine'], {
  'nothing-wrong': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const checks = await reported(t, async () => {
      const mapping = t.own(t.device.dma.map(buffer, { direction: 'bidirectional' }))
      await t.device.engine.write(mapping.address, Uint8Array.of(1))
      mapping.sync('cpu')
      buffer.read(0, 1)
      buffer.write(0, Uint8Array.of(2))
      mapping.sync('device')
      await t.device.engine.read(mapping.address, 1)
      mapping.unmap()
    })
    equal(checks, [])
  },

  'missing-sync': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'bidirectional' }))
    const checks = await reported(t, async () => {
      await t.device.engine.write(mapping.address, Uint8Array.of(1))
      buffer.read(0, 1)
      buffer.write(8, Uint8Array.of(1))
      await t.device.engine.read(mapping.address, 16)
    })
    equal(checks, ['missing-sync-cpu', 'missing-sync-device'])
  },

  // Other engines ask what is mapped before the device is started.
  'use-after-unmap': needing(['deviceFault.exact'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    mapping.unmap()
    const checks = await reported(t, async () => {
      await t.device.engine.read(mapping.address, 1).catch(() => undefined)
    })
    equal(checks, ['use-after-unmap'])
  }),

  'beyond-the-mapping': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const options = { direction: 'to-device', bytes: 64 } as const
    const mapping = t.own(t.device.dma.map(buffer, options))
    const checks = await reported(t, async () => {
      await t.device.engine.read(mapping.address, 65)
    })
    equal(checks, ['beyond-mapping'])
  },

  'unmap-twice': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    mapping.unmap()
    const checks = await reported(t, async () => {
      throws('EINVAL', () => mapping.unmap())
    })
    equal(checks, ['unmap-twice'])
  },

  'window-used-before-sync': needing(['dma.window'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const window = t.own(await t.device.dma.openWindow({ pages: 1 }))
    window.link(buffer, { at: 0, direction: 'to-device' })
    const checks = await reported(t, async () => {
      await t.device.engine.read(window.dmaAddress(0), 1).catch(() => undefined)
    })
    equal(checks, ['window-not-synced'])
  }),
})
