import { CAPABILITIES, Capabilities, supported, unsupported } from '@hmm-sdk/hmm-api'
import { expect, it } from 'vitest'

const capabilities = new Capabilities("device 'x'", {
  memory: supported({ pages: 64 }),
  exclusive: unsupported('the kernel is too old', 'Use 7.2.'),
})

it('gives the limits of what is there', () => {
  expect(capabilities.has('memory')).toBe(true)
  expect(capabilities.require('memory')).toEqual({ pages: 64 })
})

it('gives the reason of what is not', () => {
  expect(() => capabilities.require('exclusive')).toThrow(
    expect.objectContaining({ code: 'EOPNOTSUPP', hint: 'Use 7.2.' }),
  )
  expect(() => capabilities.require('exclusive')).toThrow('the kernel is too old')
})

it('names the owner where the backend says nothing', () => {
  expect(() => capabilities.require('registers')).toThrow("device 'x'")
})

it('lists every name as JSON', () => {
  expect(Object.keys(capabilities.toJSON())).toEqual(Object.keys(CAPABILITIES))
})
