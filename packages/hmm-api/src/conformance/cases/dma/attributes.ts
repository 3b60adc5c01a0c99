import { equal, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { MapAttribute } from '../../../objects/dma-attributes.js'
import type { DmaDirection } from '../../../raw/raw-dma.js'

export const description = `
Attributes: 'skip-cpu-sync' leaves every handing over to sync; 'require-coherent' refuses what would need
sync or bounce buffers; the others allow something that the driver does not notice.`

async function mapped(t: Scene, direction: DmaDirection, ...attributes: MapAttribute[]) {
  const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 100 }))
  buffer.write(0, new Uint8Array(100).fill(1))
  return { buffer, mapping: t.own(t.device.dma.map(buffer, { direction, attributes })) }
}

const nothingComesBack = async (t: Scene): Promise<void> => {
  const { buffer, mapping } = await mapped(t, 'from-device', 'skip-cpu-sync')
  await t.device.engine.write(mapping.address, Uint8Array.of(9))
  mapping.unmap()
  equal(buffer.read(0, 1), [1], 'what the CPU reads after unmap')
}

export const group = caseGroup('dma/attributes', ['dma.attributes', 'dma.streaming', 'engine'], {
  'skip-cpu-sync-and-sync': async (t) => {
    const { buffer, mapping } = await mapped(t, 'bidirectional', 'skip-cpu-sync')
    mapping.sync('device')
    equal(await t.device.engine.read(mapping.address, 2), [1, 1], 'what the device reads')
    await t.device.engine.write(mapping.address, Uint8Array.of(9))
    mapping.sync('cpu')
    equal(buffer.read(0, 2), [9, 1], 'what the CPU reads')
    mapping.unmap()
    equal(buffer.read(0, 2), [9, 1], 'and after unmap')
  },

  'skip-cpu-sync-bounced-copies-nothing-back': needing(['dma.bounce'], nothingComesBack),
  'skip-cpu-sync-non-coherent-hands-nothing-over': needing(
    ['dma.non-coherent', '!dma.bounce'],
    nothingComesBack,
  ),

  'skip-cpu-sync-of-a-list': needing(['dma.list'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 100 }))
    const parts = [
      { source: buffer, bytes: 50 },
      { source: buffer, offset: 50 },
    ]
    const options = { direction: 'from-device', attributes: ['skip-cpu-sync'] } as const
    const list = t.own(t.device.dma.map(parts, options))
    await t.device.engine.write(list.at(50), Uint8Array.of(9))
    list.sync('cpu')
    list.unmap()
    equal(buffer.read(50, 1), [9])
  }),

  'require-coherent': needing(['!dma.bounce', '!dma.non-coherent'], async (t) => {
    const { mapping } = await mapped(t, 'to-device', 'require-coherent')
    equal(await t.device.engine.read(mapping.address, 1), [1])
  }),

  'require-coherent-refuses-bounce-buffers': needing(['dma.bounce'], async (t) => {
    const map = async () => mapped(t, 'to-device', 'require-coherent')
    const error = await map().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    throws('EOPNOTSUPP', () => {
      throw error
    })
    await mapped(t, 'to-device')
  }),

  'require-coherent-refuses-sync': needing(['dma.non-coherent'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const options = { direction: 'to-device', attributes: ['require-coherent'] } as const
    throws('EOPNOTSUPP', () => t.device.dma.map(buffer, options), 'a mapping')
    if (t.device.capabilities.has('dma.list')) {
      throws('EOPNOTSUPP', () => t.device.dma.map([buffer], options), 'a list')
    }
  }),

  'weak-ordering': async (t) => {
    const { mapping } = await mapped(t, 'to-device', 'weak-ordering')
    equal(await t.device.engine.read(mapping.address, 1), [1])
  },

  'ignore-cachelines': needing(['dma.checker'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 100 }))
    const reported = (...attributes: MapAttribute[][]): string[] => {
      const checks: string[] = []
      const stop = t.backend.trace((event) => {
        if (event.type === 'misuse') checks.push(event.check)
      })
      const mappings = attributes.map((each) =>
        t.device.dma.map(buffer, { direction: 'from-device', attributes: each }),
      )
      stop()
      for (const each of mappings) each.unmap()
      return checks
    }
    equal(reported(['ignore-cachelines'], ['ignore-cachelines']), [], 'when both say so')
    equal(reported(['ignore-cachelines'], []), ['overlapping-mapping'], 'when one does')
  }),

  'of-coherent-buffers': needing(['dma.coherent'], async (t) => {
    for (const attribute of ['force-contiguous', 'write-combine', 'weak-ordering'] as const) {
      const options = { bytes: 2 * t.pageSize, attributes: [attribute] }
      const buffer = t.own(await t.device.dma.allocCoherent(options))
      equal(buffer.read(t.pageSize, 1), [0], `${attribute}: zeroed`)
      buffer.write(0, Uint8Array.of(4))
      equal(await t.device.engine.read(buffer.dmaAddress, 1), [4], `${attribute}: what is read`)
      await buffer.close()
    }
  }),

  unknown: async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 100 }))
    const map = (attribute: string) => () =>
      t.device.dma.map(buffer, {
        direction: 'to-device',
        attributes: [attribute as 'weak-ordering'],
      })
    throws(TypeError, map('mmio'), 'one that the source decides')
    throws(TypeError, map('force-contiguous'), 'one of coherent buffers')
  },
})
