import Cache
