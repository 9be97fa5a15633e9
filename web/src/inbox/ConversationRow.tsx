// One conversation in the list: who, where, the last words, how long they have waited, whose it is.
import { Reply, StickyNote } from 'lucide-react'
import { memo } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation } from '@/api/model'
import { brief, full, number, span } from '@/i18n/format'
import { Avatar } from '@/ui/Avatar'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { cx } from '@/ui/cx'
import { useNow } from '@/ui/useNow'
import { Who } from '@/ui/Who'

export const ROW_HEIGHT = 68
/** From here on somebody has waited long enough to be seen from afar. */
export const URGENT_MS = 15 * 60_000

export const ConversationRow = memo(function ConversationRow({ row, selected }: { row: Conversation; selected: boolean }) {
  const { t } = useTranslation()
  const now = useNow(30_000)
  const unread = row.unread ?? 0
  const waited = row.waiting_since && row.status === 'open' ? now - Date.parse(row.waiting_since) : null
  const urgent = waited !== null && waited > URGENT_MS
  return (
    <div className={cx('relative flex h-full items-center gap-3 border-b ps-4 pe-3', selected ? 'bg-selected' : 'hover:bg-hover')}>
      {urgent && <span aria-hidden className="absolute inset-y-0 start-0 w-[3px] bg-lamp" />}
      <Avatar id={row.contact.id} name={row.contact.name} />
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <span className={cx('min-w-0 flex-1 truncate text-sm', unread > 0 ? 'font-semibold' : 'font-medium')}>
            <Who name={row.contact.name} address={row.contact.address} />
          </span>
          {waited !== null && waited >= 60_000 ? (
            <span className={cx('shrink-0 text-xs tabular-nums', urgent ? 'font-medium text-ink' : 'text-ink-3')} title={full(row.waiting_since!)}>
              {t('inbox.waiting', { span: span(waited) })}
            </span>
          ) : (
            <time className="shrink-0 text-xs text-ink-3 tabular-nums" dateTime={row.last_message_at} title={full(row.last_message_at)}>
              {brief(row.last_message_at, now)}
            </time>
          )}
        </div>
        <div className="mt-0.5 flex items-center gap-1.5">
          <ChannelIcon channel={row.channel} className="size-3.5 shrink-0 text-ink-3" />
          <span className={cx('flex min-w-0 flex-1 items-center gap-1 text-sm', unread > 0 ? 'text-ink' : 'text-ink-2')}>
            {row.last_message_direction === 'out' && <Reply className="mirror-rtl size-3.5 shrink-0 text-ink-3" role="img" aria-label={t('inbox.we_wrote')} />}
            {row.last_message_direction === 'note' && <StickyNote className="size-3.5 shrink-0 text-ink-3" role="img" aria-label={t('message.note')} />}
            <bdi className="truncate">{row.last_message_preview || row.subject}</bdi>
          </span>
          {unread > 0 && (
            <span className="inline-flex h-4.5 min-w-4.5 shrink-0 items-center justify-center rounded-full bg-lamp-ink px-1 text-2xs font-semibold text-(--surface) tabular-nums">
              {number(unread)}
              <span className="sr-only"> {t('inbox.unread', { count: unread })}</span>
            </span>
          )}
          {row.assignee && (
            <span title={t('inbox.assigned_to', { name: row.assignee.name })} className="inline-flex shrink-0">
              <Avatar id={row.assignee.id} name={row.assignee.name} size="xs" />
              <span className="sr-only">{t('inbox.assigned_to', { name: row.assignee.name })}</span>
            </span>
          )}
        </div>
      </div>
    </div>
  )
})
