// Every word the page says, in English and Japanese.

const en = {
  title: 'mimamori, live picture',
  connecting: 'Connecting to the camera…',
  opening: 'Connected. Waiting for the picture…',
  live: 'The picture is live.',
  stalled: (s) => `No picture for ${s} s. If it does not come back, the page connects again.`,
  cameraLost: 'The camera is not giving a picture. It will show here as soon as it does.',
  full: (n) => (n === 1 ? '1 person is already watching.' : n ? `${n} people are already watching.`
    : 'As many people as the camera can serve are already watching.'),
  unreachable: 'The camera cannot be reached.',
  offline: 'This device has no network connection.',
  noAnswer: 'The camera does not answer.',
  noMedia: 'The camera answers, but its video does not get through. A firewall may be blocking UDP.',
  closed: 'The camera ended the connection.',
  lost: 'The connection was lost.',
  noPicture: 'The picture stopped.',
  error: 'The video could not be set up.',
  slow: 'The connection is too slow for this picture. It may stop and jump.',
  retryIn: (s) => `Trying again in ${s} s.`,
  reconnectIn: (s) => `Reconnecting in ${s} s.`,
  retrying: 'Trying again…',
  reconnecting: 'Reconnecting…',
  tryNow: 'Try now',
  tapToPlay: 'Tap to play',
  tapToPlayWhy: 'The picture is ready. This browser waits for a tap before it plays video.',
  unsupported: 'This browser cannot show live video (WebRTC). Please use a current Chrome, Firefox, Safari or Edge.',
  snapshot: 'Snapshot',
  snapshotSaved: (name) => `Snapshot saved: ${name}`,
  snapshotFailed: 'There is no picture to save.',
  fullScreen: 'Full screen',
  leaveFullScreen: 'Exit full screen',
  details: 'Details',
  close: 'Close details',
  problems: 'What is wrong',
  problemsNotice: 'Something is wrong with the camera: see the details.',
  controls: 'Controls',
  video: 'Live picture from the camera',
  testPicture: 'Test picture: no camera in use',
  kinds: { v4l2: 'Camera', webcam: 'Webcam', test: 'Camera', file: 'Recording' },
  delay: 'Delay',
  delayMeasured: 'camera to screen, measured',
  delayEstimated: 'estimated, without the camera’s own share',
  delayUnknown: 'not known yet',
  resolution: 'Resolution',
  frameRate: 'Frame rate',
  bitrate: 'Bitrate',
  loss: 'Packet loss',
  roundTrip: 'Round trip',
  viewers: 'Viewers',
  codec: 'Codec',
  version: 'Version',
  uptime: 'Running for',
  of: (n, max) => `${n} of ${max}`,
  keys: 'Keys',
  setUp: 'Set up Wi-Fi',
  update: 'Update',
  perSecond: 'fps',
};

const ja = {
  title: 'mimamori 見守り・ライブ映像',
  connecting: 'カメラに接続しています…',
  opening: '接続しました。映像を待っています…',
  live: '映像を表示しています。',
  stalled: (s) => `${s}秒間、映像が届いていません。戻らなければ接続し直します。`,
  cameraLost: 'カメラから映像が出ていません。映像が戻りしだい表示します。',
  full: (n) => (n ? `すでに${n}人が見ています。` : '同時に見られる人数に達しています。'),
  unreachable: 'カメラに接続できません。',
  offline: 'この端末はネットワークにつながっていません。',
  noAnswer: 'カメラから応答がありません。',
  noMedia: 'カメラは応答していますが、映像が届きません。ファイアウォールがUDPを遮っている可能性があります。',
  closed: 'カメラが接続を終了しました。',
  lost: '接続が切れました。',
  noPicture: '映像が止まりました。',
  error: '映像を開始できませんでした。',
  slow: '回線が遅いため、映像が止まったり飛んだりすることがあります。',
  retryIn: (s) => `${s}秒後にもう一度試します。`,
  reconnectIn: (s) => `${s}秒後に再接続します。`,
  retrying: 'もう一度試しています…',
  reconnecting: '再接続しています…',
  tryNow: '今すぐ試す',
  tapToPlay: 'タップして再生',
  tapToPlayWhy: '映像の準備ができました。このブラウザーではタップすると再生が始まります。',
  unsupported: 'このブラウザーではライブ映像(WebRTC)を表示できません。最新のChrome、Firefox、Safari、Edgeをお使いください。',
  snapshot: '写真を保存',
  snapshotSaved: (name) => `写真を保存しました：${name}`,
  snapshotFailed: '保存できる映像がありません。',
  fullScreen: '全画面',
  leaveFullScreen: '全画面を終了',
  details: '詳細',
  close: '詳細を閉じる',
  problems: '問題',
  problemsNotice: 'カメラに問題があります。詳細をご覧ください。',
  controls: '操作',
  video: 'カメラのライブ映像',
  testPicture: 'テスト映像（カメラ未使用）',
  kinds: { v4l2: 'カメラ', webcam: 'ウェブカメラ', test: 'カメラ', file: '録画' },
  delay: '遅延',
  delayMeasured: 'カメラから画面まで（実測）',
  delayEstimated: '推定（カメラ内の処理時間を除く）',
  delayUnknown: 'まだわかりません',
  resolution: '解像度',
  frameRate: 'フレームレート',
  bitrate: 'ビットレート',
  loss: 'パケット損失',
  roundTrip: '往復時間',
  viewers: '視聴者',
  codec: 'コーデック',
  version: 'バージョン',
  uptime: '稼働時間',
  of: (n, max) => `${n}/${max}人`,
  keys: 'キー操作',
  setUp: 'Wi-Fiの設定',
  update: '更新',
  perSecond: 'fps',
};

const tables = { en, ja };

/** The first language of the person's list that the page speaks; else English. */
export function pickLanguage(languages) {
  for (const tag of languages ?? []) {
    const language = String(tag).toLowerCase().split('-')[0];
    if (Object.hasOwn(tables, language)) return language;
  }
  return 'en';
}

export function textFor(language) {
  return tables[language] ?? en;
}

/** Fills every `data-text` (content) and `data-label` (aria-label) of the page. */
export function fillIn(root, text) {
  for (const element of root.querySelectorAll('[data-text]')) element.textContent = text[element.dataset.text];
  for (const element of root.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', text[element.dataset.label]);
  }
}
