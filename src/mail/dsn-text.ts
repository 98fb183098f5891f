/** Languages of what people read in a DSN. */
export type DsnLanguage = 'en' | 'ja' | 'ru';
export type DsnKind = 'failure' | 'delay' | 'success' | 'relayed' | 'expanded';

interface Wording {
  readonly subject: Readonly<Record<DsnKind, string>>;
  readonly opening: Readonly<Record<DsnKind, string>>;
  /** After the list of recipients. `{until}`: a date. */
  readonly closing: Readonly<Partial<Record<DsnKind, string>>>;
  readonly attached: { readonly full: string; readonly headers: string };
}

/** `{host}` is the reporting server. */
export const dsnWording: Readonly<Record<DsnLanguage, Wording>> = {
  en: {
    subject: {
      failure: 'Undelivered Mail Returned to Sender',
      delay: 'Delayed Mail (still being retried)',
      success: 'Successful Mail Delivery Report',
      relayed: 'Mail Relayed to Another Server',
      expanded: 'Mail Passed on to a List',
    },
    opening: {
      failure:
        'This is the mail system at {host}.\n\nI am sorry to have to tell you that your message could not be delivered to one or more recipients.',
      delay:
        'This is the mail system at {host}.\n\nYour message could not be delivered to one or more recipients yet. You do not need to send it again: delivery is still being tried.',
      success: 'This is the mail system at {host}.\n\nYour message was delivered to the recipients below.',
      relayed:
        'This is the mail system at {host}.\n\nYour message was passed to a server that does not report deliveries. You may hear nothing more of it.',
      expanded: 'This is the mail system at {host}.\n\nYour message was passed on to the members of the addresses below.',
    },
    closing: {
      failure: 'If you need help, please write to postmaster and include this report.',
      delay: 'Delivery will be tried until {until}.',
    },
    attached: { full: 'Your message is attached.', headers: 'The header of your message is attached.' },
  },
  ja: {
    subject: {
      failure: 'メールを配送できませんでした',
      delay: 'メールの配送が遅れています（再送を続けています）',
      success: 'メールが配送されました',
      relayed: 'メールを別のサーバーに中継しました',
      expanded: 'メールを複数の宛先に転送しました',
    },
    opening: {
      failure:
        '{host} のメールシステムからのお知らせです。\n\n申し訳ありませんが、お送りいただいたメールを次の宛先に配送できませんでした。',
      delay:
        '{host} のメールシステムからのお知らせです。\n\nお送りいただいたメールは、次の宛先にまだ配送できていません。配送の試行を続けていますので、もう一度お送りいただく必要はありません。',
      success: '{host} のメールシステムからのお知らせです。\n\nお送りいただいたメールを次の宛先に配送しました。',
      relayed:
        '{host} のメールシステムからのお知らせです。\n\nお送りいただいたメールを、配送状況を通知しないサーバーに中継しました。この後の通知は届かないことがあります。',
      expanded: '{host} のメールシステムからのお知らせです。\n\nお送りいただいたメールを、次の宛先に登録されている方々に転送しました。',
    },
    closing: {
      failure: 'お困りの場合は、この通知を添えて postmaster までご連絡ください。',
      delay: '配送の試行は {until} まで続きます。',
    },
    attached: { full: '元のメールを添付します。', headers: '元のメールのヘッダーを添付します。' },
  },
  ru: {
    subject: {
      failure: 'Письмо не доставлено',
      delay: 'Доставка письма задерживается (попытки продолжаются)',
      success: 'Письмо доставлено',
      relayed: 'Письмо передано другому серверу',
      expanded: 'Письмо переслано по списку адресов',
    },
    opening: {
      failure: 'Сообщает почтовая система {host}.\n\nК сожалению, ваше письмо не удалось доставить следующим получателям.',
      delay:
        'Сообщает почтовая система {host}.\n\nВаше письмо пока не удалось доставить следующим получателям. Отправлять его снова не нужно: попытки доставки продолжаются.',
      success: 'Сообщает почтовая система {host}.\n\nВаше письмо доставлено следующим получателям.',
      relayed:
        'Сообщает почтовая система {host}.\n\nВаше письмо передано серверу, который не сообщает о доставке. Других уведомлений может не быть.',
      expanded: 'Сообщает почтовая система {host}.\n\nВаше письмо переслано по следующим спискам адресов.',
    },
    closing: {
      failure: 'Если вам нужна помощь, напишите на адрес postmaster и приложите это уведомление.',
      delay: 'Попытки доставки продолжатся до {until}.',
    },
    attached: { full: 'Ваше письмо приложено.', headers: 'Заголовок вашего письма приложен.' },
  },
};
