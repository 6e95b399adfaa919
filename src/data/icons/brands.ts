/** Trademarks are left out: a model must not draw them. */

/** Names of companies and products that sets of icons have and that mean nothing else. */
const companies: ReadonlySet<string> = new Set(
  `adidas adobe airbnb airtable alibaba alipay amazon android angular angularjs ansible apache appstore asana atlassian
  audi aws azure badoo bandcamp baidu behance bilibili bitbucket bitcoin blender blogger bluesky bmw bootstrap brave
  canva chatgpt chrome chromium claude clubhouse codepen codesandbox coinbase confluence creative-commons css3
  dailymotion debian deepseek deezer deno deviantart dingtalk discord disqus django docker douban douyin dribbble
  dropbox drupal ebay elasticsearch electron ethereum etsy evernote facebook fedora figma firebase firefox flickr
  flipboard flutter foursquare framer freebsd ghost github gitea gitlab gmail google goodreads gradle grafana graphql
  grunt hackernews heroku huawei hulu ibm icq ikea imdb instagram instapaper intel invision ios itunes javascript
  jenkins jira joomla jquery json kakao kakaotalk kaggle kickstarter kotlin kubernetes laravel lastfm linkedin linktree
  linux litecoin macbook macos magento mailchimp mastercard mastodon medium-m messenger meta-ai microsoft midjourney
  mistral mongodb mysql napster nestjs netflix netlify nextcloud nextjs nike nintendo nodejs notion npm nuget nvidia
  nuxt ok-ru onedrive openai opera outlook oracle patreon paypal perplexity php pinterest playstation pnpm postgresql
  powerpoint prisma producthunt python pytorch qq quora raspberry react reactjs reddit redux renren revolut roblox ruby
  rust safari salesforce samsung sass shopify sinaweibo sina sketchup skype slack slideshare snapchat snapseed sony
  soundcloud spotify squarespace stackoverflow stackshare steam strava stripe stumbleupon sublime substack supabase
  svelte swift symfony tailwind tailwindcss taobao teamviewer telegram tencent tensorflow terraform tesla threads tidal
  tiktok toyota trello tripadvisor tripadvisor tumblr twitch twitter typescript uber ubuntu umbraco unity unreal
  unsplash vercel viber vimeo vine visa visual-studio vite vivaldi vk vkontakte volkswagen vscode vuejs wechat weibo
  whatsapp wikipedia windows wix wordpress xbox xiaohongshu xing yahoo yandex yarn yelp youtube zapier zalo zhihu zoom-us`
    .split(/\s+/)
    .filter((word) => word !== ''),
);

/** A name alone, or before one of these words, that is a company's; elsewhere it is a fruit, a sign or a place. */
const alone: ReadonlySet<string> = new Set([
  'apple',
  'meta',
  'oracle',
  'slack',
  'signal',
  'target',
  'edge',
  'line',
  'x',
]);

/** Whether a name is a trademark: by its words, or because its set says so. */
export function isBrand(caption: string, filedUnderBrands: boolean): boolean {
  if (filedUnderBrands) return true;
  const words = caption.split(' ');
  if (words.some((word) => word === 'logo' || word === 'brand' || word === 'logos' || companies.has(word))) return true;
  return (
    alone.has(words[0]!) && (words.length === 1 ? words[0] === 'apple' || words[0] === 'meta' : words.at(-1) === 'pay')
  );
}
