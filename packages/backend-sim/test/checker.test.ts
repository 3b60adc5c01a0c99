import {
  openBackend,
  type Backend,
  type Device,
  type DmaMapping,
  type HostBuffer,
} from '@hmm-sdk/hmm-api'
import {
  control,
  createBackend,
  DMA_CHECKS,
  type DmaCheck,
  type SimDmaOptions,
} from '@hmm-sdk/backend-sim'
import { describe, expect, it } from 'vitest'
import { KERNEL_REPORTS } from './checker-reports.js'

const PAGE = 4096
type Direction = DmaMapping['direction']

/** A driver that makes mistakes. */
class Scene {
  readonly backend: Backend
  readonly device: Device
  readonly buffer: HostBuffer

  constructor(backend: Backend, device: Device, buffer: HostBuffer) {
    this.backend = backend
    this.device = device
    this.buffer = buffer
  }

  map(direction: Direction, bytes = PAGE): DmaMapping {
    return this.device.dma.map(this.buffer, { direction, bytes })
  }

  async write(address: DmaMapping['address'], bytes = 1): Promise<void> {
    await this.device.engine.write(address, new Uint8Array(bytes).fill(1)).catch(() => undefined)
  }

  async read(address: DmaMapping['address'], bytes = 1): Promise<void> {
    await this.device.engine.read(address, bytes).catch(() => undefined)
  }
}

async function withScene(
  dma: SimDmaOptions,
  run: (scene: Scene) => Promise<void>,
): Promise<Backend> {
  const config = { devices: { demo: { sim: { dma } } } }
  const backend = await openBackend({ backend: createBackend, config })
  const device = await backend.openDevice('demo')
  const buffer = await device.dma.allocBuffer({ bytes: 2 * PAGE })
  await run(new Scene(backend, device, buffer))
  return backend
}

const ignore = (run: () => void): void => {
  try {
    run()
  } catch {
    // The mistake is refused as well; here it matters that it is reported.
  }
}

/** The mistake behind each check, on a device with the options. */
const MISTAKES: Record<DmaCheck, { dma?: SimDmaOptions; run: (t: Scene) => Promise<void> }> = {
  'use-after-unmap': {
    run: async (t) => {
      const mapping = t.map('to-device')
      mapping.unmap()
      await t.read(mapping.address)
    },
  },
  'beyond-mapping': { run: async (t) => t.read(t.map('to-device', 100).address, 101) },
  'wrong-direction': {
    dma: { shape: 'direct' },
    run: async (t) => t.write(t.map('to-device').address),
  },
  'missing-sync-cpu': {
    run: async (t) => {
      await t.write(t.map('from-device').address)
      t.buffer.read(0, 1)
    },
  },
  'missing-sync-device': {
    run: async (t) => {
      const { address } = t.map('to-device')
      t.buffer.write(0, Uint8Array.of(1))
      await t.read(address)
    },
  },
  'stale-translation': {
    dma: { flush: 'lazy' },
    run: async (t) => {
      const mapping = t.map('to-device')
      await t.read(mapping.address)
      mapping.unmap()
      await t.read(mapping.address)
    },
  },
  'overlapping-mapping': {
    run: async (t) => void [t.map('from-device'), t.map('bidirectional', 10)],
  },
  'too-many-overlaps': {
    run: async (t) => {
      for (let i = 0; i < 9; i++) t.map('from-device')
    },
  },
  'unmap-twice': {
    run: async (t) => {
      const mapping = t.map('to-device')
      mapping.unmap()
      ignore(() => mapping.unmap())
    },
  },
  'sync-unmapped': {
    run: async (t) => {
      const mapping = t.map('from-device')
      mapping.unmap()
      ignore(() => mapping.sync('cpu'))
    },
  },
  'sync-outside': {
    run: async (t) => ignore(() => t.map('from-device').sync('cpu', PAGE, 1)),
  },
  'sync-cpu-to-device': { run: async (t) => ignore(() => t.map('to-device').sync('cpu')) },
  'sync-device-from-device': {
    run: async (t) => ignore(() => t.map('from-device').sync('device')),
  },
  'pool-use-after-free': {
    run: async (t) => {
      const block = await t.device.dma.createPool({ bytes: 64 }).alloc()
      block.free()
      await t.read(block.dmaAddress)
    },
  },
  'pool-free-twice': {
    run: async (t) => {
      const block = await t.device.dma.createPool({ bytes: 64 }).alloc()
      block.free()
      ignore(() => block.free())
    },
  },
  'live-at-close': {
    run: async (t) => {
      t.map('to-device')
      await t.device.close()
    },
  },
  'link-twice': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      window.link(t.buffer, { at: 0, direction: 'to-device' })
      ignore(() => window.link(t.buffer, { at: 1, pages: 1, direction: 'to-device' }))
    },
  },
  'unlink-not-linked': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      ignore(() => window.unlink(0, 1))
    },
  },
  'window-not-synced': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      window.link(t.buffer, { at: 0, direction: 'to-device' })
      await t.read(window.dmaAddress(0))
    },
  },
  'sync-not-linked': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      ignore(() => window.sync())
    },
  },
  'window-outside': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 1 })
      ignore(() => window.link(t.buffer, { at: 0, direction: 'to-device' }))
    },
  },
  'freed-while-linked': {
    run: async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      window.link(t.buffer, { at: 0, direction: 'to-device' })
      window.sync()
      await t.buffer.close()
      await expect(t.device.engine.read(window.dmaAddress(0), 1)).rejects.toThrow('EFAULT')
      window.unlink(0, 2)
    },
  },
}

describe('the checker of DMA finds', () => {
  it.each(Object.keys(MISTAKES) as DmaCheck[])('%s', async (check) => {
    const { dma = {}, run } = MISTAKES[check]
    const traced: string[] = []
    const backend = await withScene(dma, async (scene) => {
      const stop = scene.backend.trace((event) => {
        if (event.type === 'misuse') traced.push(event.check)
      })
      await run(scene)
      stop()
    })
    const reports = control(backend).reports()
    const found = reports.find((report) => report.check === check)
    expect(found?.text).toContain(DMA_CHECKS[check])
    expect(traced).toContain(check)
    expect(backend.report().misuses.map((misuse) => misuse.check)).toContain(check)
    await backend.close()
  })
})

const SHARING = { attributes: ['ignore-cachelines'] } as const
const SKIPPING = { attributes: ['skip-cpu-sync'] } as const

/** Single accesses and mappings, and all that is reported of them. */
const COUNTED: readonly {
  what: string
  run: (t: Scene) => Promise<void>
  counts: Partial<Record<DmaCheck, number>>
}[] = [
  {
    what: 'a device that writes what it may only read, behind an IOMMU too',
    run: async (t) => t.write(t.map('to-device').address),
    counts: { 'wrong-direction': 1 },
  },
  {
    what: 'an access that begins outside a mapping, in a page of it',
    run: async (t) => t.read((t.map('to-device', 100).address + 200n) as DmaMapping['address'], 8),
    counts: { 'beyond-mapping': 1 },
  },
  {
    what: 'an access that runs out of a coherent buffer',
    run: async (t) => t.read((await t.device.dma.allocCoherent({ bytes: 64 })).dmaAddress, 65),
    counts: { 'beyond-mapping': 1 },
  },
  {
    what: 'an access that runs out of a block of a pool',
    run: async (t) => t.read((await t.device.dma.createPool({ bytes: 64 }).alloc()).dmaAddress, 65),
    counts: { 'beyond-mapping': 1 },
  },
  {
    what: 'an access to a coherent buffer that is gone',
    run: async (t) => {
      const buffer = await t.device.dma.allocCoherent({ bytes: 64 })
      const { dmaAddress } = buffer
      await buffer.close()
      await t.read(dmaAddress, 8)
    },
    counts: { 'use-after-unmap': 1 },
  },
  {
    what: 'overlaps from the first on, and too many from the eighth',
    run: async (t) => {
      for (let i = 0; i < 9; i++) t.map('from-device')
    },
    counts: { 'overlapping-mapping': 8, 'too-many-overlaps': 1 },
  },
  {
    what: 'no overlap with what the device only reads',
    run: async (t) => {
      t.map('to-device')
      t.map('from-device')
      t.map('to-device')
    },
    counts: {},
  },
  {
    what: 'no overlap of a map that hands nothing over',
    run: async (t) => {
      t.map('from-device')
      t.device.dma.map(t.buffer, { direction: 'from-device', ...SKIPPING })
    },
    counts: {},
  },
  {
    what: 'no overlap of maps that all share what they share',
    run: async (t) => {
      for (let i = 0; i < 9; i++) {
        t.device.dma.map(t.buffer, { direction: 'from-device', ...SHARING })
      }
    },
    counts: {},
  },
  {
    what: 'an overlap if only one of them says so',
    run: async (t) => {
      t.map('from-device')
      t.device.dma.map(t.buffer, { direction: 'from-device', ...SHARING })
    },
    counts: { 'overlapping-mapping': 1 },
  },
]

describe('the checker of DMA counts', () => {
  it.each(COUNTED)('$what', async ({ run, counts }) => {
    const backend = await withScene({}, run)
    expect(control(backend).reportCounts()).toEqual(counts)
    await backend.close()
  })
})

describe('in a window, the checker of DMA', () => {
  async function linked(run: (t: Scene, address: DmaMapping['address']) => Promise<void>) {
    const backend = await withScene({}, async (t) => {
      const window = await t.device.dma.openWindow({ pages: 3 })
      window.link(t.buffer, { at: 0, direction: 'to-device' })
      window.sync()
      await run(t, window.dmaAddress(0))
      window.unlink(0, 2)
    })
    const counts = control(backend).reportCounts()
    await backend.close()
    return counts
  }

  it('finds a device that writes what is linked for reading', async () => {
    expect(await linked((t, address) => t.write(address))).toEqual({ 'wrong-direction': 1 })
  })

  it('finds an access to what was unlinked, and to a window that was closed', async () => {
    const backend = await withScene({}, async (t) => {
      const window = await t.device.dma.openWindow({ pages: 2 })
      window.link(t.buffer, { at: 0, direction: 'to-device' })
      window.sync()
      const addresses = [window.dmaAddress(0), window.dmaAddress(1)] as const
      window.unlink(0, 1)
      await t.read(addresses[0])
      await window.close()
      await t.read(addresses[1])
    })
    expect(control(backend).reportCounts()).toEqual({ 'use-after-unmap': 2 })
    await backend.close()
  })

  it('finds an access that runs out of what is linked, and none that does not', async () => {
    expect(await linked((t, address) => t.read(address, 2 * PAGE + 1))).toEqual({
      'beyond-mapping': 1,
    })
    expect(await linked((t, address) => t.read(address, 2 * PAGE))).toEqual({})
  })
})

describe('the checker of DMA', () => {
  it('finds nothing in a driver that does all right', async () => {
    for (const dma of [{}, { coherent: false }, { shape: 'swiotlb' }] satisfies SimDmaOptions[]) {
      const backend = await withScene(dma, async (t) => {
        t.buffer.write(0, Uint8Array.of(1))
        const mapping = t.map('bidirectional')
        await t.read(mapping.address, PAGE)
        await t.write(mapping.address, PAGE)
        mapping.sync('cpu')
        t.buffer.read(0, PAGE)
        t.buffer.write(0, Uint8Array.of(2))
        mapping.sync('device')
        await t.read(mapping.address, PAGE)
        mapping.unmap()
        t.buffer.read(0, PAGE)
        const neighbours = [0, 64].map((offset) =>
          t.device.dma.map(t.buffer, { direction: 'from-device', offset, bytes: 64 }),
        )
        for (const each of neighbours) await t.write(each.address, 64)
        for (const each of neighbours) each.unmap()
        await t.buffer.close()
        await t.device.close()
      })
      expect(control(backend).reports()).toEqual([])
      await backend.close()
    }
  })

  it('counts everything, keeps a thousand, and goes on', async () => {
    const backend = await withScene({}, async (t) => {
      const mapping = t.map('to-device')
      for (let i = 0; i < 1500; i++) ignore(() => mapping.sync('cpu'))
    })
    expect(control(backend).reportCounts()).toEqual({ 'sync-cpu-to-device': 1500 })
    expect(control(backend).reports().length).toBe(1000)
    await backend.close()
  })

  it('takes a shared cache line for an overlap on a non-coherent device', async () => {
    for (const coherent of [true, false]) {
      const backend = await withScene({ coherent }, async (t) => {
        for (const offset of [0, 32]) {
          t.device.dma.map(t.buffer, { direction: 'from-device', offset, bytes: 32 })
        }
      })
      const overlaps = control(backend).reportCounts()['overlapping-mapping'] ?? 0
      expect(overlaps).toBe(coherent ? 0 : 1)
      await backend.close()
    }
  })

  it('is described in docs/dma-checker.md, which `vitest -u` writes', async () => {
    await expect(describeChecks()).toMatchFileSnapshot('../../../docs/dma-checker.md')
  })
})

function describeChecks(): string {
  const used = new Set(KERNEL_REPORTS.flatMap(({ checks }) => checks))
  const own = (Object.keys(DMA_CHECKS) as DmaCheck[]).filter((check) => !used.has(check))
  const code = (check: string): string => `\`${check}\``
  return `# The checker of DMA

The simulation checks every use of DMA, always. All mistakes are counted
(\`control(backend).reportCounts()\`), the first thousand are kept (\`control(backend).reports()\`, and
\`backend.report().misuses\`), and each is traced as an event \`misuse\`. It never switches itself off.
Every text ends with the way to fix the mistake.

With \`sim: { recordCallSites: true }\`, and while the backend is traced, a report has \`sites\`: the calls
of the driver where it was \`mapped\`, \`unmapped\` (if it was) and \`misused\`. A stack takes microseconds,
so none is taken otherwise.

## What the kernel's checker reports

All reports of DMA_API_DEBUG. What cannot happen in this API has the reason instead of a check.

${table(
  ['', 'The kernel reports', 'Here'],
  KERNEL_REPORTS.map(({ report, checks, why }, index) => [
    String(index + 1),
    report,
    checks.map(code).join(', ') || `cannot happen: ${why}`,
  ]),
)}

## What the kernel's checker cannot see

${table(
  ['Check', 'How to fix it'],
  own.map((check) => [code(check), DMA_CHECKS[check]]),
)}

A result of a fault that is used without a retry check cannot happen: it can be read inside a commit
only, which runs only if nothing was invalidated since.

Each check is provoked by the test of its name in \`packages/backend-sim/test/checker.test.ts\`, which
also compares this file.
`
}

/** A table of Markdown with cells of equal width, as the formatter wants them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(width[column]!)).join(' | ')} |`
  return [head, width.map((each) => '-'.repeat(each)), ...rows].map(line).join('\n')
}
