// A program: what processes and drivers do, as data. Numbers are reduced to what exists when a step runs,
// so that any part of a program is a program too (which is what lets it shrink).
//
//   { "steps": [{ "op": "mmap", "p": 0, "at": 3, "n": 4, ... }, ...] }
//
// `p` chooses a living process, `d` a device, `at` and `n` pages of the arena.
//
// A program can be run in a larger `unit`: each of its pages then stands for so many pages of memory, and what
// it reads and writes is one of them. So the same programs meet huge pages.

/** Pages that programs work on; half of them before a boundary of 2 MiB, half behind it. */
export const ARENA_PAGES = 32
export const FILES = 2
export const FILE_PAGES = 8
export const DEVICES = 2
export const DEVICE_PAGES = 24
export const PROCESSES = 3

/** One step on one line. */
export function describeStep({ op, ...fields }) {
  const words = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key, value]) => (value === true ? key : `${key}=${word(value)}`))
  return [op, ...words].join(' ')
}

function word(value) {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A numbered list of the steps; `mark` points at one of them. */
export function describeProgram(program, mark = -1) {
  const width = String(program.steps.length).length
  return program.steps
    .map((step, index) => {
      const number = String(index + 1).padStart(width)
      return `${index === mark ? '>' : ' '} ${number}. ${describeStep(step)}`
    })
    .join('\n')
}

/** A program from its JSON; TypeError for what is none. */
export function parseProgram(text) {
  const program = JSON.parse(text)
  if (!Array.isArray(program?.steps) || program.steps.some((step) => typeof step?.op !== 'string'))
    throw new TypeError('not a program: {"steps":[{"op":...},...]}')
  return program
}
