// The stream's text, however the network cuts it.
import { describe, expect, it, vi } from 'vitest'

vi.mock('@/api/client', () => ({ ApiError: class extends Error {}, streamed: vi.fn() }))

const { News } = await import('./pairing')

const TEXT =
  ': here\n\nevent: qr\ndata: {"type":"qr","code":"2@abc","expires_in_s":20}\n\n: here\n\n' +
  'event: later\ndata: {"type":"later"}\n\nevent: linked\ndata: {"type":"linked","phone":"+15550147"}\n\n'

describe('news of a pairing', () => {
  it('are the same wherever the text is cut', () => {
    for (let at = 0; at <= TEXT.length; at++) {
      const news = new News()
      expect([...news.read(TEXT.slice(0, at)), ...news.read(TEXT.slice(at))]).toEqual([
        { type: 'qr', code: '2@abc', expires_in_s: 20 },
        { type: 'linked', phone: '+15550147' },
      ])
    }
  })

  it('that are not whole are not told', () => {
    expect(new News().read('event: qr\ndata: {"type":"qr","code":"2@')).toEqual([])
  })
})
