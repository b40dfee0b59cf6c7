-- Gift campaigns. Ids are text, compared byte for byte.

-- Windows of a merchant's campaigns never overlap, whoever saves at the same time. A merchant's number is a range of one
-- number, since ranges can be excluded without an extension. ends_us: the greatest bigint where there is no end.
CREATE TABLE campaign (
  merchant_no int NOT NULL REFERENCES merchant,
  campaign_id text NOT NULL,
  version     int NOT NULL CHECK (version > 0),
  starts_us   bigint NOT NULL,
  ends_us     bigint NOT NULL CHECK (ends_us > starts_us),
  names       jsonb NOT NULL,
  terms       jsonb NOT NULL,
  banner      bytea,
  removed     boolean NOT NULL DEFAULT false,
  PRIMARY KEY (merchant_no, campaign_id),
  CONSTRAINT campaign_overlaps EXCLUDE USING gist (int8range(merchant_no, merchant_no, '[]') WITH &&, int8range(starts_us, ends_us) WITH &&)
    WHERE (NOT removed)
);

-- Also gifts that were taken out, for when they were first saved.
CREATE TABLE campaign_gift (
  merchant_no int NOT NULL,
  campaign_id text NOT NULL,
  gift_id     text NOT NULL,
  product_id  text NOT NULL,
  points      int NOT NULL CHECK (points > 0),
  created_us  bigint NOT NULL,
  first_us    bigint NOT NULL,
  removed     boolean NOT NULL DEFAULT false,
  PRIMARY KEY (merchant_no, campaign_id, gift_id)
);

-- What every save made of a campaign: the log.
CREATE TABLE campaign_version (
  merchant_no int NOT NULL,
  campaign_id text NOT NULL,
  version     int NOT NULL,
  document    jsonb NOT NULL,
  applied_us  bigint NOT NULL,
  applied_by  text NOT NULL,
  PRIMARY KEY (merchant_no, campaign_id, version)
);

-- A merchant's banners by the SHA-256 of their bytes, those of earlier versions too.
CREATE TABLE banner (
  merchant_no int NOT NULL,
  sha256      bytea NOT NULL,
  type        text NOT NULL,
  width       int NOT NULL,
  height      int NOT NULL,
  content     bytea NOT NULL,
  PRIMARY KEY (merchant_no, sha256)
);
