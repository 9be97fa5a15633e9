// Segments as the networks count them.
import { describe, expect, it } from 'vitest'
import { segments } from './segments'

describe('segments', () => {
  it.each([
    ['', 'gsm', 0, 160],
    ['a'.repeat(160), 'gsm', 1, 0],
    ['a'.repeat(161), 'gsm', 2, 145],
    ['a'.repeat(306), 'gsm', 2, 0],
    ['a'.repeat(307), 'gsm', 3, 152],
    ['€'.repeat(80), 'gsm', 1, 0],
    ['€'.repeat(81), 'gsm', 2, 143],
    ['שלום', 'unicode', 1, 66],
    ['ש'.repeat(70), 'unicode', 1, 0],
    ['ש'.repeat(71), 'unicode', 2, 63],
    ['🙂'.repeat(35), 'unicode', 1, 0],
    // 33 emoji fill 66 of 67 units: the next is not split.
    ['🙂'.repeat(36), 'unicode', 2, 61],
  ] as const)('%s', (text, encoding, count, left) => {
    expect(segments(text)).toMatchObject({ encoding, count, left })
  })

  it('names what made it expensive', () => {
    expect(segments('It’s fine').because).toBe('’')
    expect(segments("It's fine").because).toBeNull()
  })
})
