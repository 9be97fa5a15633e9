import { describe, expect, it } from 'vitest'
import { everybody, type Known, phoneOf, search } from './people'

describe('a number', () => {
  it.each([
    ['+1 (555) 010-7', '+15550107'],
    ['050-123 4567', '0501234567'],
    ['  +44.7700.900123 ', '+447700900123'],
  ])('%s', (text, phone) => expect(phoneOf(text)).toBe(phone))

  it.each(['', '1234', 'Ben', '+', '12345678901234567', '555x0107', '1+5550107'])('is none: “%s”', (text) => expect(phoneOf(text)).toBeNull())
})

it('everybody with a name is known once, by a number where there is one', () => {
  const row = (id: string, name: string | null, address: string) => ({ contact: { id, name, address } })
  const rows = [row('1', 'Ann', 'ann@example.com'), row('1', 'Ann', '+15550121'), row('2', null, '+15550122'), row('3', 'Eve', '+15550123'), row('4', 'The team', '123@g.us')]
  expect(everybody(rows, '3')).toEqual([{ id: '1', name: 'Ann', address: '+15550121' }])
})

describe('people', () => {
  const person = (id: string, name: string, address: string | null = null): Known => ({ id, name, address })
  const people = [person('1', 'Maya Ben-Ami', '+447700900123'), person('2', 'Ben Harper', '+15550107'), person('3', 'דנה כהן'), person('4', 'Ben Adams')]
  const names = (wish: string, most = 5) => search(people, wish, most).map(({ name }) => name)

  it('whose name begins with it come first', () => expect(names('ben')).toEqual(['Ben Adams', 'Ben Harper', 'Maya Ben-Ami']))
  it('must fit every word', () => expect(names('har ben')).toEqual(['Ben Harper']))
  it('are found by some digits of a number', () => expect(names('7700 900')).toEqual(['Maya Ben-Ami']))
  it('are found in any script', () => expect(names('דנה')).toEqual(['דנה כהן']))
  it('are not all shown for nothing', () => expect(names('  ')).toEqual([]))
  it('are only so many', () => expect(names('ben', 1)).toEqual(['Ben Adams']))
})
