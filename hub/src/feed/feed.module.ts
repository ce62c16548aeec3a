import { Global, Module } from '@nestjs/common';
import { FeedCleaner } from './feed-cleaner.ts';
import { FeedTails } from './feed-tails.ts';
import { FeedController } from './feed.controller.ts';
import { FeedRepository } from './feed.repository.ts';
import { FeedService } from './feed.service.ts';

@Global()
@Module({
  controllers: [FeedController],
  providers: [FeedRepository, FeedTails, FeedCleaner, FeedService],
  exports: [FeedService],
})
export class FeedModule {}
