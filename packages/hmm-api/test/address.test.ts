import {
  busAddress,
  dmaAddress,
  dmaPage,
  pageFrame,
  physicalAddress,
  virtualAddress,
} from '@hmm-sdk/hmm-api'
import { describe, expect, it } from 'vitest'

const ADDRESSES = { virtualAddress, physicalAddress, dmaAddress, busAddress }
const PAGES = { pageFrame, dmaPage }

describe.each(Object.entries(ADDRESSES))('%s', (_name, make) => {
  it('takes what fits 64 bits', () => {
    expect(make(0n)).toBe(0n)
    expect(make(4096)).toBe(4096n)
    expect(make((1n << 64n) - 1n)).toBe((1n << 64n) - 1n)
  })

  it('refuses what does not', () => {
    expect(() => make(1n << 64n)).toThrow(RangeError)
    expect(() => make(-1n)).toThrow(RangeError)
  })

  it('refuses numbers that are not exact', () => {
    expect(() => make(2 ** 53)).toThrow(TypeError)
    expect(() => make(0.5)).toThrow(TypeError)
    expect(() => make(Number.NaN)).toThrow(TypeError)
    expect(make(2 ** 53 - 1)).toBe(2n ** 53n - 1n)
  })
})

describe.each(Object.entries(PAGES))('%s', (_name, make) => {
  it('takes page numbers up to 2^52 - 1', () => {
    expect(make(0)).toBe(0)
    expect(make(2 ** 52 - 1)).toBe(2 ** 52 - 1)
  })

  it('refuses others', () => {
    for (const value of [-1, 0.5, 2 ** 52, Number.NaN]) {
      expect(() => make(value)).toThrow(RangeError)
    }
  })
})
