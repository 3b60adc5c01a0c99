import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const shortPinsAreLong: BrokenBackend = {
  name: 'short-pins-are-long',
  breaks: 'who pins pages for a while is taken for one who keeps them',
  caughtBy: 'events/dax/cut-waits-for-who-has-its-pages',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({ pin: (startPage, pages) => space.pin!(startPage, pages, true) }),
    }),
}
