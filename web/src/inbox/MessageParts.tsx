// What a message of a chat carries besides its words: what it answers, a place or a card, signs, that it was changed or
// taken back.
import { Ban, MapPin, Reply, UserRound } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import type { Message } from '@/api/model'
import { useTranslation } from '@/i18n'
import { clock, full } from '@/i18n/format'
import { Address } from '@/ui/Address'
import { cx } from '@/ui/cx'
import { nameOf } from './files'

/** Words with what is around them. */
export function Rich({ message, contact, files }: { message: Message; contact: string | null; files: ReactNode }) {
  const said = (
    <>
      {message.answers && <Quoted answers={message.answers} contact={contact} />}
      {message.card ? (
        <CardView card={message.card} />
      ) : (
        message.body && (
          <p dir="auto" className="break-words whitespace-pre-wrap">
            {message.body}
          </p>
        )
      )}
      {files}
      {message.edited_at && <Edited message={message} />}
    </>
  )
  return message.deletion ? <Deleted message={message}>{said}</Deleted> : said
}

function Quoted({ answers, contact }: { answers: NonNullable<Message['answers']>; contact: string | null }) {
  const { t } = useTranslation()
  const who = answers.name ?? (answers.direction === 'in' ? contact : null)
  return (
    <blockquote className="mb-1 rounded-[5px] border-s-2 border-line-strong bg-sunken px-2 py-1 text-sm text-ink-2" data-testid="quoted">
      <p className="flex items-center gap-1 text-xs text-ink-3">
        <Reply className="mirror-rtl size-3" aria-hidden />
        <bdi>{who ?? t(answers.direction === 'in' ? 'message.them' : 'message.us')}</bdi>
      </p>
      <p dir="auto" className="line-clamp-2 break-words">
        {answers.body || (answers.file ? t(`message.${nameOf(answers.file)}`) : t('message.deleted_short'))}
      </p>
    </blockquote>
  )
}

export type Card = NonNullable<Message['card']>

/** A place or a person. */
export function CardView({ card }: { card: Card }) {
  const { t } = useTranslation()
  if (card.type === 'place') {
    const at = `${card.latitude},${card.longitude}`
    return (
      <a
        href={`https://www.openstreetmap.org/?mlat=${card.latitude}&mlon=${card.longitude}#map=17/${card.latitude}/${card.longitude}`}
        target="_blank"
        rel="noreferrer"
        className="flex items-center gap-2 rounded border border-line-strong px-2 py-1.5 text-sm hover:bg-hover"
        data-testid="place"
      >
        <MapPin className="size-4 shrink-0" aria-hidden />
        <span className="min-w-0">
          <bdi className="block truncate font-medium">{card.name || t('message.place')}</bdi>
          <bdi dir="ltr" className="block text-xs text-ink-2">
            {at}
          </bdi>
        </span>
      </a>
    )
  }
  return (
    <div className="flex items-center gap-2 rounded border border-line-strong px-2 py-1.5 text-sm" data-testid="card">
      <UserRound className="size-4 shrink-0" aria-hidden />
      <span className="min-w-0">
        <bdi className="block truncate font-medium">{card.name || t('message.person')}</bdi>
        {card.phones.map((phone) => (
          <Address key={phone} className="block text-xs text-ink-2">
            {phone}
          </Address>
        ))}
      </span>
    </div>
  )
}

/** One chip a sign: how many, and whose. */
export function Reactions({ reactions, onTake }: { reactions: Message['reactions']; onTake?: () => void }) {
  const { t } = useTranslation()
  const byEmoji = [...new Set(reactions.map((sign) => sign.emoji))].map((emoji) => ({ emoji, signs: reactions.filter((sign) => sign.emoji === emoji) }))
  return (
    <ul className="-mt-1 mb-0.5 flex flex-wrap gap-1 px-1" aria-label={t('message.reactions')} data-testid="reactions">
      {byEmoji.map(({ emoji, signs }) => {
        const names = signs.map((sign) => sign.name ?? t(sign.ours ? 'message.us' : 'message.them')).join(', ')
        const chip = (
          <>
            <span aria-hidden>{emoji}</span>
            {signs.length > 1 && <span className="text-ink-2 tabular-nums">{signs.length}</span>}
            <span className="sr-only">
              {emoji} {names}
            </span>
          </>
        )
        const look = 'inline-flex items-center gap-1 rounded-full border bg-surface px-1.5 py-px text-xs'
        const ours = signs.some((sign) => sign.ours)
        return (
          <li key={emoji}>
            {ours && onTake ? (
              <button type="button" title={t('message.take_reaction', { names })} onClick={onTake} className={cx(look, 'border-line-strong hover:bg-hover')}>
                {chip}
              </button>
            ) : (
              <span title={names} className={look}>
                {chip}
              </span>
            )}
          </li>
        )
      })}
    </ul>
  )
}

/** A message that was taken back: what it said is on record, and shown to who asks. */
function Deleted({ message, children }: { message: Message; children: ReactNode }) {
  const { t } = useTranslation()
  const [shown, setShown] = useState(false)
  const by = message.deletion?.by === 'contact' ? 'message.deleted_by_them' : 'message.deleted_by_us'
  return (
    <div data-testid="deleted">
      <p className="flex flex-wrap items-center gap-x-2 text-sm text-ink-2 italic">
        <Ban className="size-3.5" aria-hidden />
        <span title={message.deletion ? full(message.deletion.at) : undefined}>{message.deletion?.name ? t('message.deleted_by', { name: message.deletion.name }) : t(by)}</span>
        <button type="button" className="text-xs not-italic underline" aria-expanded={shown} onClick={() => setShown((now) => !now)}>
          {t(shown ? 'message.hide_record' : 'message.show_record')}
        </button>
      </p>
      {shown && <div className="mt-1 border-s-2 ps-2 opacity-75">{children}</div>}
    </div>
  )
}

/** That it was changed; what it said before, to who asks. */
function Edited({ message }: { message: Message }) {
  const { t } = useTranslation()
  const [shown, setShown] = useState(false)
  return (
    <>
      <button type="button" className="text-xs text-ink-3 underline decoration-dotted" aria-expanded={shown} onClick={() => setShown((now) => !now)} data-testid="edited">
        {t('message.edited')}
      </button>
      {shown && (
        <ol className="mt-1 flex flex-col gap-1 border-s-2 ps-2 text-sm text-ink-2">
          {message.versions.map((version) => (
            <li key={version.until}>
              <span className="text-xs text-ink-3">{t('message.until', { time: clock(version.until) })}</span>
              <p dir="auto" className="break-words whitespace-pre-wrap">
                {version.body}
              </p>
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
