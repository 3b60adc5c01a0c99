import { CAPABILITIES, Capabilities, HmmError, supported, unsupported } from '@hmm-sdk/hmm-api'
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

it('names what is missing once, and the operation once', () => {
  const message = (name: 'exclusive' | 'registers', op: string): string => {
    try {
      capabilities.require(name)
    } catch (error) {
      if (HmmError.is(error)) return error.with({ op }).message.split('\n')[0]!
    }
    throw new Error('nothing was thrown')
  }
  expect(message('exclusive', 'exclusive')).toBe('EOPNOTSUPP: exclusive: the kernel is too old')
  expect(message('exclusive', 'mirror.exclusive')).toBe(
    'EOPNOTSUPP: mirror.exclusive: exclusive: the kernel is too old',
  )
  expect(message('registers', 'registers.read')).toBe(
    "EOPNOTSUPP: registers.read: device 'x' does not have 'registers' (register access)",
  )
})

it('lists every name as JSON', () => {
  expect(Object.keys(capabilities.toJSON())).toEqual(Object.keys(CAPABILITIES))
})
