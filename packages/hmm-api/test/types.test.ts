import {
  dmaAddress,
  pageFrame,
  physicalAddress,
  virtualAddress,
  type BusAddress,
  type DmaAddress,
  type DmaEngine,
  type DmaPage,
  type IntervalNotifier,
  type Mirror,
  type PageFrame,
  type PhysicalAddress,
  type Sequence,
  type VirtualAddress,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { describe, expectTypeOf, it } from 'vitest'

// Checked by the compiler; nothing of it runs but the constructors.
describe('types do not mix', () => {
  it('addresses', () => {
    expectTypeOf(virtualAddress(0n)).toEqualTypeOf<VirtualAddress>()
    expectTypeOf<VirtualAddress>().not.toExtend<DmaAddress>()
    expectTypeOf<DmaAddress>().not.toExtend<VirtualAddress>()
    expectTypeOf<PhysicalAddress>().not.toExtend<DmaAddress>()
    expectTypeOf<PhysicalAddress>().not.toExtend<BusAddress>()
    expectTypeOf<BusAddress>().not.toExtend<DmaAddress>()
    expectTypeOf<bigint>().not.toExtend<VirtualAddress>()
    expectTypeOf<VirtualAddress>().toExtend<bigint>()
  })

  it('page numbers', () => {
    expectTypeOf<PageFrame>().not.toExtend<DmaPage>()
    expectTypeOf<DmaPage>().not.toExtend<PageFrame>()
    expectTypeOf<number>().not.toExtend<DmaPage>()
    expectTypeOf<number>().not.toExtend<Sequence>()
  })

  it('as arguments', () => {
    const use = (engine: DmaEngine, notifier: IntervalNotifier) => {
      // @ts-expect-error a virtual address is not a DMA address
      void engine.read(virtualAddress(0n), 1)
      // @ts-expect-error nor is a physical one
      void engine.read(physicalAddress(0n), 1)
      // @ts-expect-error nor a page frame
      void engine.read(pageFrame(0), 1)
      // @ts-expect-error nor a plain bigint
      void engine.read(0n, 1)
      void engine.read(dmaAddress(0n), 1)
      // @ts-expect-error any number is not a sequence
      notifier.readRetry(2)
    }
    expectTypeOf(use).toBeFunction()
  })
})

describe('commits are synchronous', () => {
  it('of a map', () => {
    const use = async (mirror: Mirror, range: VirtualRange) => {
      const pages = await mirror.map(range, { access: 'read' }, (mapping) => mapping.pages)
      expectTypeOf(pages).toEqualTypeOf<number>()
      await mirror.map(range, { access: 'read' }, () => undefined)
      // @ts-expect-error an async commit
      await mirror.map(range, { access: 'read' }, async (mapping) => mapping.pages)
      // @ts-expect-error a commit that returns a promise
      await mirror.map(range, { access: 'read' }, () => Promise.resolve(1))
      // @ts-expect-error an async commit of an exclusive grant
      await mirror.exclusive(range, {}, async () => undefined)
      // @ts-expect-error an async commit of a range fault
      await mirror.faultAndCommit(range, {}, async (found) => found.valid(0))
    }
    expectTypeOf(use).toBeFunction()
  })

  it('of dma.map', () => {
    const use = async (mirror: Mirror) => {
      const { dma } = mirror.device
      const first = await dma.map(mirror.select(), { access: 'read' }, (m) => m.dmaPage(0))
      expectTypeOf(first).toEqualTypeOf<DmaPage>()
      // @ts-expect-error an async commit
      await dma.map(mirror.select(), { access: 'read' }, async (m) => m.dmaPage(0))
      // @ts-expect-error a buffer's options for a mirrored range
      await dma.map(mirror.select(), { direction: 'to-device' }, (m) => m.dmaPage(0))
    }
    expectTypeOf(use).toBeFunction()
  })
})
