"""The intake worker: orders, deliveries and customers from Kafka, one batch a turn.

See architecture.md 2.1.

How a batch is read is in processors/pipeline/worker.py, what becomes of it in
processors/intake/batch.py.
"""

from collections.abc import Sequence

from processors.intake import intake_metrics
from processors.intake.batch import Intake, IntakeResult
from processors.pipeline.pipeline import INTAKE, Pipeline
from processors.pipeline.pipeline_metrics import Received
from processors.pipeline.worker import TopicWorker
from processors.runtime.configuration import Configuration, IntakeConfiguration
from store.postgres.session import Database
from store.streams.cursors import PartitionId


class IntakeWorker(TopicWorker[IntakeResult]):
    """Reads orders, deliveries and customers from Kafka, a batch a turn."""

    pipeline = INTAKE

    def sizes(self, configuration: Configuration) -> IntakeConfiguration:
        """Those of intake."""
        return configuration.intake

    def batches(
        self, configuration: Configuration, pipeline: Pipeline, connection: Database
    ) -> Intake:
        """Facts, plans and entries."""
        return Intake(configuration, pipeline, connection, self._still_turning)

    def count(
        self, received: Received, done: IntakeResult, seconds: float
    ) -> Sequence[PartitionId]:
        """Tells the metrics of a committed batch."""
        intake_metrics.batch_done(received, done, seconds)
        return list(done.counts)
